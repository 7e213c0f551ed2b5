import { expect, test } from 'vitest';
import { parseAddress } from '../../src/core/address.js';
import { AddressPolicy, allowedAddressProblem, refusedKind } from '../../src/core/address-policy.js';

function policy(...allowed: readonly string[]): AddressPolicy {
  const modes: Record<string, [owner: number, mode: number]> = {
    '/own': [1_000, 0o140755],
    '/root': [0, 0o140755],
    '/docker': [0, 0o140660],
    '/all': [1_000, 0o140777],
    '/other': [1_001, 0o140755],
  };
  return new AddressPolicy({
    allowed,
    userId: 1_000,
    socketFacts: (path) => {
      const [owner, mode] = modes[path] ?? [];
      return owner === undefined || mode === undefined ? undefined : { owner, mode };
    },
  });
}

test.each([
  ['169.254.169.254', 'a metadata address'],
  ['::ffff:169.254.169.254', 'a metadata address'],
  ['::ffff:a9fe:a9fe', 'a metadata address'],
  ['0:0:0:0:0:ffff:a9fe:a9fe', 'a metadata address'],
  ['::ffff:0:a9fe:a9fe', 'a metadata address'],
  ['::169.254.169.254', 'a metadata address'],
  ['64:ff9b::a9fe:a9fe', 'a metadata address'],
  ['2002:a9fe:a9fe::', 'a metadata address'],
  ['100.100.100.200', 'a metadata address'],
  ['168.63.129.16', 'a metadata address'],
  ['FD00:EC2::254', 'a metadata address'],
  ['169.254.0.1', 'a link-local address'],
  ['fe80::1', 'a link-local address'],
  ['FEBF::1%eth0', 'a link-local address'],
  ['0.0.0.0', 'an unspecified address'],
  ['0.1.2.3', 'an unspecified address'],
  ['::', 'an unspecified address'],
  ['0::0', 'an unspecified address'],
  ['::ffff:0.0.0.0', 'an unspecified address'],
])('%s is refused as %s', (ip, kind) => {
  expect(refusedKind(ip)).toBe(kind);
});

test.each([
  ...['127.0.0.1', '::1', '::ffff:127.0.0.1', '10.0.0.1', '169.253.255.255', '169.255.0.1', '1.0.0.0'],
  ...['fec0::1', 'fd00::1', '2001:db8::1', '64:ff9b::a00:1', 'metadata.example', 'localhost'],
])('%s is not refused before DNS', (text) => {
  expect(refusedKind(text)).toBeUndefined();
});

test('allowed blocks add to the default, also for the IPv6 forms of an IPv4 address', () => {
  const given = policy('169.254.0.0/16', 'fe80::1');
  const isRefused = (ip: string): boolean => given.ipProblem(ip) !== undefined;
  expect(
    ['169.254.169.254', '::ffff:169.254.7.7', 'fe80::1', '10.0.0.1', '8.8.8.8'].filter(isRefused),
  ).toEqual([]);
  expect(['0.0.0.0', '::', 'fe80::2'].filter(isRefused)).toEqual(['0.0.0.0', '::', 'fe80::2']);
});

test('a socket must belong to this user or root, and only its owner may write it', () => {
  const problemOf = (given: AddressPolicy, path: string) => given.problemOf(parseAddress(`unix:${path}`));
  for (const path of ['/own', '/root', '/absent']) expect(problemOf(policy(), path)).toBeUndefined();
  expect(problemOf(policy(), '/docker')).toMatch(
    /must not be writable by its group; run chmod go-w \/docker/,
  );
  expect(problemOf(policy(), '/all')).toMatch(/must not be writable by all users/);
  expect(problemOf(policy(), '/other')).toMatch(/belongs to user 1001/);
  expect(problemOf(policy('unix:/docker'), '/docker')).toBeUndefined();
  expect(problemOf(policy('unix:/docker'), '/all')).toBeDefined();
});

test.each(['169.254.7.0/24', '::/0', '169.254.7.7', 'fe80::1', '10.0.0.0/8', 'unix:/run/a.sock'])(
  '%s may be in allowAddresses',
  (text) => expect(allowedAddressProblem(text)).toBeUndefined(),
);

test.each([
  '',
  '*',
  'localhost',
  '10.0.0.0/33',
  '10.0.0.0/08',
  '::/129',
  '10.0.0.0/8/8',
  '10.0.0.0/',
  'unix:a',
  'fe80::1%1',
])('%s may not be in allowAddresses', (text) =>
  expect(allowedAddressProblem(text)).toMatch(/must be an IP address, a CIDR block/),
);
