import { expect, test } from 'vitest';
import { parseTicket } from '../../../src/registry/remote/parse-ticket.js';

const url = 'https://registry:4711';
const valid = { ticket: 'e30.e30.c2ln', expiresInMs: 300_000, service: '/shop/orders', instances: [] };

test('accepts a ticket and its life', () => {
  expect(parseTicket(valid, { url })).toEqual({
    text: valid.ticket,
    service: valid.service,
    expiresInMs: 300_000,
  });
});

test.each([
  undefined,
  null,
  'text',
  [],
  { ...valid, ticket: undefined },
  { ...valid, ticket: 'e30.e30' },
  { ...valid, ticket: 'e30.e30.c2ln\r\nhost: evil' },
  { ...valid, ticket: `e30.e30.${'a'.repeat(4_096)}` },
  { ...valid, expiresInMs: 0 },
  { ...valid, expiresInMs: NaN },
  { ...valid, expiresInMs: 600_001 },
  { ...valid, expiresInMs: '300000' },
  { ...valid, service: 'orders' },
  { ...valid, service: 7 },
])('refuses %j, and does not quote the ticket', (body) => {
  expect(() => parseTicket(body, { url })).toThrow(
    expect.objectContaining({
      code: 'REGISTRY_INVALID',
      message: `${url} sent an invalid ticket; check that ${url} is the address of a registry`,
    }) as Error,
  );
});
