/** What the registry of a service has stated decides which tickets count. */
import { expect, test } from 'vitest';
import { systemHashing } from '../../../src/runtime/hashing.js';
import { systemKeys } from '../../../src/runtime/system-keys.js';
import { TicketIssuer } from '../../../src/tickets/ticket-issuer.js';
import {
  authenticated,
  clock,
  http1Client,
  knownRegistries,
  registry,
  serveHttp1,
  ticket,
} from './secured-service.js';

const reply = (_request: object, response: { end(): unknown }): unknown => response.end();

/** The registry states its keys and its incarnation, and accepts the registration of the service. */
function state(keys: readonly string[], incarnation: string): void {
  knownRegistries.update({ keys, incarnation });
  knownRegistries.confirm(keys);
}

test('a ticket of an earlier incarnation is refused, also where it was accepted before', async () => {
  const wrapped = authenticated(reply);
  const request = http1Client(await serveHttp1(wrapped.handler));
  const send = async (incarnation: string): Promise<number> =>
    (await request({ 'clerk-ticket': await ticket({ incarnation }) })).status;
  const old = { 'clerk-ticket': await ticket({ incarnation: 'b' }) };
  expect((await request(old)).status).toBe(200);
  state([registry.pin], 'b');
  expect((await request(old)).status).toBe(200);
  state([registry.pin], 'c');
  const refused = await request(old);
  expect(refused).toMatchObject({ status: 401, notExecuted: '1' });
  expect(refused.body).toContain('lost its data');
  // The client may hear of the next incarnation before the service does.
  expect([await send('b'), await send('c'), await send('d')]).toEqual([401, 200, 200]);
});

test('a service with one stated key accepts tickets of the keys that its registry announces', async () => {
  const next = systemKeys.create('/registry');
  const issuer = new TicketIssuer(next, { wallNow: () => clock.wallNow(), ...systemHashing });
  const request = http1Client(await serveHttp1(authenticated(reply).handler));
  const headers = { 'clerk-ticket': await ticket({ incarnation: 'c' }, issuer) };
  const former = { 'clerk-ticket': await ticket({ incarnation: 'c' }) };
  expect((await request(headers)).status).toBe(401);
  state([registry.pin, next.pin], 'c');
  expect([(await request(headers)).status, (await request(former)).status]).toEqual([200, 200]);
  state([next.pin], 'c');
  expect([(await request(headers)).status, (await request(former)).status]).toEqual([200, 401]);
});
