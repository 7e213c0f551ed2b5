import { expect, test } from 'vitest';
import type { CheckedCredentials } from '../../../../src/core/credentials.js';
import type { KeyPin } from '../../../../src/core/key-pin.js';
import { rotationStatement } from '../../../../src/protocol/rotation-statement.js';
import { systemKeys } from '../../../../src/runtime/system-keys.js';
import { codeOf, recordWatch, registration } from '../name-server-harness.js';
import { operator, pin, registryPin, securedHarness, type SecuredHarness } from './identity-harness.js';

const graceMs = 330_000;

function rotation(
  principal: string,
  from: KeyPin,
  next: CheckedCredentials,
  { registry = registryPin, signer = next } = {},
) {
  const statement = rotationStatement({ principal, from, to: next.pin, registry });
  const spki = Buffer.from(next.spki).toString('base64url');
  return { name: principal, rotate: { spki, proof: systemKeys.sign(signer, statement) } };
}

async function rotated(harness: SecuredHarness, from: KeyPin) {
  const next = systemKeys.create('/a');
  await harness.identities.enrol(rotation('/a', from, next), from);
  return next.pin;
}

test('the old key is valid for 330 s after a rotation, also across a restart', async () => {
  const harness = await securedHarness();
  await harness.enrol('/a', pin(1));
  const next = systemKeys.create('/a');
  const request = rotation('/a', pin(1), next);
  const response = await harness.identities.enrol(request, pin(1));
  expect(response).toEqual({ name: '/a', key: next.pin, retiresInMs: graceMs });
  await harness.runtime.advance(1_000);
  expect(await harness.identities.enrol(request, pin(1))).toMatchObject({ retiresInMs: graceMs - 1_000 });
  await harness.restart();
  await harness.runtime.advance(graceMs - 1_001);
  expect(harness.identities.ownerOf(pin(1))).toEqual({ principal: '/a' });
  await harness.runtime.advance(1);
  expect(harness.identities.ownerOf(pin(1))).toBeUndefined();
  expect(harness.identities.ownerOf(next.pin)).toEqual({ principal: '/a' });
  // The retired key is never enrolled again, and rotates nothing.
  expect(await codeOf(harness.enrol('/a', pin(1)))).toBe('TICKET_REFUSED');
  expect(await codeOf(harness.identities.enrol(request, pin(1)))).toBe('TICKET_REFUSED');
});

test('a rotation needs the new key, the old key, its principal and this registry', async () => {
  const harness = await securedHarness();
  const { identities } = harness;
  await harness.enrol('/a', pin(1));
  await harness.enrol('/b', pin(2));
  const next = systemKeys.create('/a', 'ES256');
  const thief = systemKeys.create('/a');
  const attempts = {
    anotherSigner: [rotation('/a', pin(1), next, { signer: thief }), pin(1)],
    anotherRegistry: [rotation('/a', pin(1), next, { registry: pin(5) }), pin(1)],
    anotherConnection: [rotation('/a', pin(1), next), pin(2)],
    anotherPrincipal: [rotation('/b', pin(1), next), pin(1)],
    unknownKey: [rotation('/a', pin(7), next), pin(7)],
  } as const;
  for (const [what, [request, connection]] of Object.entries(attempts))
    expect([what, await codeOf(identities.enrol(request, connection))]).toEqual([what, 'TICKET_REFUSED']);
  expect(identities.ownerOf(next.pin)).toBeUndefined();
  expect(await codeOf(identities.enrol(rotation('/a', pin(1), next), pin(1)))).toBe('done');
  // A key that is being retired enrols no further key.
  expect(await codeOf(identities.enrol(rotation('/a', pin(1), thief), pin(1)))).toBe('TICKET_REFUSED');
});

test('a revoked key cannot be rotated, and a rotation does not revive a key', async () => {
  const harness = await securedHarness();
  const { identities } = harness;
  await harness.enrol('/a', pin(1));
  const next = await rotated(harness, pin(1));
  await identities.revoke({ principal: '/a', key: pin(1) }, operator);
  expect(identities.ownerOf(pin(1))).toBeUndefined();
  expect(await codeOf(rotated(harness, pin(1)))).toBe('TICKET_REFUSED');
  expect(identities.ownerOf(next)).toBeDefined();
});

test('an endpoint shows its former key until the key ends', async () => {
  const harness = await securedHarness();
  const { names, runtime } = harness;
  const service = await harness.enrol('/a', pin(1));
  await names.register(registration('/a', 'i', { leaseMs: 3_600_000 }), { ...service, cert: 'Zmlyc3Q=' });
  const shown = () => {
    const [{ key, formerKey, cert } = {}] = harness.names.resolve('/a').endpoints;
    return { key, formerKey, cert };
  };
  expect(shown()).toEqual({ key: pin(1), formerKey: undefined, cert: 'Zmlyc3Q=' });
  const next = await rotated(harness, pin(1));
  const renewed = { ...service, pin: next, cert: 'bmV4dA==' };
  const again = () => names.register(registration('/a', 'i', { epoch: 1, leaseMs: 3_600_000 }), renewed);
  expect(await again()).toMatchObject({ epoch: 1 });
  expect(shown()).toEqual({ key: next, formerKey: pin(1), cert: 'bmV4dA==' });
  await again();
  expect(shown()).toMatchObject({ formerKey: pin(1) });
  const watch = recordWatch(names, ['/a']);
  await runtime.advance(graceMs - 1);
  expect(shown()).toMatchObject({ formerKey: pin(1) });
  watch.lines();
  await runtime.advance(1_000);
  expect(shown()).toEqual({ key: next, formerKey: undefined, cert: 'bmV4dA==' });
  expect(watch.lines()).toContain('/a = [i]');
});

test('a former key that ends while the server is down is removed after the start', async () => {
  const harness = await securedHarness();
  const service = await harness.enrol('/a', pin(1));
  const long = registration('/a', 'i', { leaseMs: 3_600_000 });
  await harness.names.register(long, service);
  const next = await rotated(harness, pin(1));
  await harness.names.register({ ...long, epoch: 1 }, { ...service, pin: next });
  await harness.names.close();
  await harness.runtime.advance(graceMs + 1);
  await harness.restart();
  expect(harness.names.resolve('/a').endpoints[0]).toMatchObject({ formerKey: pin(1) });
  await harness.runtime.advance(1_000);
  expect(harness.names.resolve('/a').endpoints[0]).not.toHaveProperty('formerKey');
});

test('many rotations keep at most 64 retired keys', async () => {
  const harness = await securedHarness();
  await harness.enrol('/a', pin(1));
  let key = pin(1);
  for (let i = 0; i < 70; i++) {
    key = await rotated(harness, key);
    await harness.runtime.advance(graceMs);
  }
  const listed = harness.identities.listIdentities('/a', operator);
  expect(listed.length).toBeLessThanOrEqual(66);
  expect(harness.identities.ownerOf(key)).toBeDefined();
});
