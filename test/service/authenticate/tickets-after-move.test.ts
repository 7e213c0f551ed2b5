/** How a service learns its new name when a ticket names it, in virtual time. */
import { expect, test } from 'vitest';
import { systemHashing } from '../../../src/runtime/hashing.js';
import { systemKeys } from '../../../src/runtime/system-keys.js';
import { createTicketPolicy } from '../../../src/service/authenticate/ticket-policy.js';
import { KnownRegistries } from '../../../src/service/known-registries.js';
import { LeaseRenewer } from '../../../src/service/lease-renewer.js';
import { createFakeRuntime } from '../../../src/testing/fake-runtime.js';
import { TicketIssuer } from '../../../src/tickets/ticket-issuer.js';
import { FakeRegistry } from '../../support/fake-registry.js';

const registryKey = systemKeys.create('/registry');
const web = systemKeys.create('/shop/web');

/** A service `/shop/orders` with a lease of an hour. */
async function movableService() {
  const runtime = createFakeRuntime({ seed: 3 });
  const registry = new FakeRegistry(runtime);
  const renewer = new LeaseRenewer([registry.connection('https://registry')], runtime);
  const known = new KnownRegistries();
  known.addMoveSource(() => renewer.renewNow());
  const place = { addresses: ['https://10.0.0.7:3001'], leaseMs: 3_600_000 };
  const signal = new AbortController().signal;
  const { epoch, secret, leaseMs } = await renewer.register(
    { name: '/shop/orders', id: 'a', ...place },
    signal,
  );
  const lease = {
    ...{ name: '/shop/orders', id: 'a', epoch, secret, leaseMs, isSuspect: false },
    ...{ load: undefined, activity: undefined, servedAgoMs: undefined },
    onRenewal: ({ presentName }: { readonly presentName: string | undefined }) => {
      if (presentName === undefined) return;
      known.addMove(lease.name, presentName);
      lease.name = presentName;
    },
    onRenewalFailed: () => undefined,
  };
  renewer.add(lease);
  const issuer = new TicketIssuer(registryKey, { ...systemHashing, wallNow: () => runtime.wallNow() });
  const policy = createTicketPolicy(
    { registryKey: registryKey.pin, service: '/shop/orders' },
    {
      ...{ clock: runtime, keys: systemKeys, env: {}, knownRegistries: known },
      openIdentity: () => Promise.reject(new Error('not expected')),
    },
  );
  const { ticket: ownTicket } = await issuer.issue(grantFor('/shop/orders'));
  return {
    runtime,
    registry,
    /** Verifies a new ticket for a service; resolves to `accepted`, or to the message of the refusal. */
    async verify(service: string, clientPin = web.pin): Promise<string> {
      const { ticket } = await issuer.issue(grantFor(service));
      return policy.verify(ticket, clientPin).then(
        () => 'accepted',
        (error: unknown) => (error as Error).message,
      );
    },
    acceptsOwn: () => policy.verify(ownTicket, web.pin),
    renewals: () => registry.requests.filter(({ path }) => path === '/v1/renew').map(({ at }) => at),
  };
}

const grantFor = (service: string) => ({
  ...{ principal: web.name, clientPin: web.pin, service, rights: ['call'] as const, incarnation: 'first' },
});

/** Advances in steps, because signatures are verified outside of virtual time. */
async function settled<T>(runtime: { advance(ms: number): Promise<void> }, promise: Promise<T>): Promise<T> {
  let isSettled = false;
  const result = promise.finally(() => (isSettled = true));
  while (!isSettled) {
    await new Promise((resolve) => setImmediate(resolve));
    await runtime.advance(10);
  }
  return result;
}

test('the first ticket for a new name makes the service ask the registry, and is accepted', async () => {
  const { runtime, registry, verify, acceptsOwn, renewals } = await movableService();
  registry.move('/shop/orders', '/shop/sales');
  expect(await settled(runtime, verify('/shop/sales'))).toBe('accepted');
  expect(renewals()).toHaveLength(1);
  expect(await settled(runtime, verify('/shop/sales'))).toBe('accepted');
  await settled(runtime, acceptsOwn());
  expect(renewals()).toHaveLength(1);
});

test('tickets for other services cost two renewals a second at most, and hide no later move', async () => {
  const { runtime, registry, verify, renewals } = await movableService();
  const refused = 'The ticket was issued for /shop/other, which is not a name of this service';
  const startAt = runtime.now();
  for (let i = 0; i < 4; i++) {
    const results = Promise.all([1, 2, 3].map(() => verify('/shop/other')));
    expect(await settled(runtime, results)).toEqual([refused, refused, refused]);
  }
  expect(renewals().length).toBeGreaterThanOrEqual(4);
  expect(renewals().length).toBeLessThanOrEqual(2 + (runtime.now() - startAt) / 500);
  registry.move('/shop/orders', '/shop/sales');
  expect(await settled(runtime, verify('/shop/sales'))).toBe('accepted');
});

test('a ticket that is refused for another reason asks no registry', async () => {
  const { runtime, verify, renewals } = await movableService();
  const stranger = systemKeys.create('/stranger');
  expect(await settled(runtime, verify('/shop/sales', stranger.pin))).toMatch(/issued to another client/);
  expect(renewals()).toEqual([]);
});

test('a registry that does not respond delays the refusal, and no ticket is accepted', async () => {
  const { runtime, registry, verify } = await movableService();
  registry.hangs = true;
  const startAt = runtime.now();
  expect(await settled(runtime, verify('/shop/sales'))).toMatch(/was issued for/);
  expect(runtime.now() - startAt).toBeLessThan(5_000);
});
