import { AsyncResource } from 'node:async_hooks';
import { expect, test } from 'vitest';
import { TicketCache } from '../../src/client/ticket-cache.js';
import { ClerkError } from '../../src/core/errors.js';
import { currentInbound, runInbound } from '../../src/core/inbound-request.js';
import type { ReceivedTicket } from '../../src/core/service-ticket.js';
import { ManualClock } from '../support/manual-clock.js';

const service = '/shop/orders';
const lifeMs = 300_000;

class FakeIssuer {
  readonly clock = new ManualClock();
  readonly requests: { readonly service: string; settle(error?: Error): Promise<void> }[] = [];
  /** The inbound request in whose context each request for a ticket was made. */
  readonly inbounds: unknown[] = [];
  readonly cache = new TicketCache({
    clock: this.clock,
    maxNames: 2,
    asyncContext: new AsyncResource('TEST'),
    request: (name) =>
      new Promise<ReceivedTicket>((resolve, reject) => {
        const text = `ticket-${String(this.requests.length + 1)}`;
        this.inbounds.push(currentInbound());
        this.requests.push({
          service: name,
          settle: async (error) => {
            if (error) reject(error);
            else resolve({ text, service: name, expiresInMs: lifeMs });
            await flush();
          },
        });
      }),
  });

  async settle(error?: Error): Promise<void> {
    await this.requests.at(-1)?.settle(error);
  }

  /** Returns the text of the cached ticket. */
  get text(): string | undefined {
    return this.cache.cached(service)?.text;
  }
}

async function flush(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
}

async function withTicket(): Promise<FakeIssuer> {
  const issuer = new FakeIssuer();
  const first = issuer.cache.get(service);
  await issuer.settle();
  await first;
  return issuer;
}

test('concurrent callers share one request, and later callers make none', async () => {
  const issuer = new FakeIssuer();
  const gets = [issuer.cache.get(service), issuer.cache.get(service)];
  expect(issuer.text).toBeUndefined();
  await issuer.settle();
  expect((await Promise.all(gets)).map(({ text }) => text)).toEqual(['ticket-1', 'ticket-1']);
  expect((await issuer.cache.get(service)).text).toBe('ticket-1');
  expect(issuer.requests.map((one) => one.service)).toEqual([service]);
});

test('a request for a ticket inherits no deadline from the request that the program serves', async () => {
  const issuer = new FakeIssuer();
  const get = runInbound({ deadlineAt: 50, attempt: 2, isFinished: false }, () => issuer.cache.get(service));
  await issuer.settle();
  await get;
  expect(issuer.inbounds).toEqual([undefined]);
});

test('a ticket expires a life after its request was sent, not after its response', async () => {
  const issuer = new FakeIssuer();
  const get = issuer.cache.get(service);
  issuer.clock.advance(10_000);
  await issuer.settle();
  expect((await get).expiresAt - issuer.clock.now()).toBe(lifeMs - 10_000);
});

test('a ticket is renewed in the background after four fifths of its life, once', async () => {
  const issuer = await withTicket();
  issuer.clock.advance(0.8 * lifeMs - 1);
  expect([issuer.text, issuer.requests.length]).toEqual(['ticket-1', 1]);
  issuer.clock.advance(1);
  expect([issuer.text, issuer.text, issuer.requests.length]).toEqual(['ticket-1', 'ticket-1', 2]);
  await issuer.settle();
  expect(issuer.text).toBe('ticket-2');
});

test('while the registry is unreachable, the ticket is used until its end, and renewed once a second', async () => {
  const issuer = await withTicket();
  issuer.clock.advance(0.8 * lifeMs);
  expect(issuer.text).toBe('ticket-1');
  await issuer.settle(new ClerkError('REGISTRY_UNREACHABLE', 'down'));
  expect([issuer.text, issuer.requests.length]).toEqual(['ticket-1', 2]);
  issuer.clock.advance(1_000);
  expect([issuer.text, issuer.requests.length]).toEqual(['ticket-1', 3]);
  issuer.clock.advance(0.2 * lifeMs - 1_000);
  expect(issuer.text).toBeUndefined();
  const get = issuer.cache.get(service);
  await issuer.settle(new ClerkError('REGISTRY_UNREACHABLE', 'still down'));
  await expect(get).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
});

test('each caller of a failed request gets an error of its own', async () => {
  const issuer = new FakeIssuer();
  const gets = [issuer.cache.get(service), issuer.cache.get(service)];
  await issuer.settle(new ClerkError('FORBIDDEN', 'no right'));
  const [first, second] = await Promise.all(gets.map((get) => get.catch((error: unknown) => error)));
  expect(first).toMatchObject({ code: 'FORBIDDEN' });
  expect(second).not.toBe(first);
});

test('a refused ticket is replaced, at once three times, and then at most once a second', async () => {
  const issuer = await withTicket();
  const renew = async (refused: string): Promise<unknown> => {
    if (!issuer.cache.discard(service, refused)) return 'kept';
    const get = issuer.cache.get(service);
    await issuer.settle();
    return (await get).text;
  };
  for (const number of [1, 2, 3])
    expect(await renew(`ticket-${String(number)}`)).toBe(`ticket-${String(number + 1)}`);
  expect(await renew('ticket-4')).toBe('kept');
  issuer.clock.advance(1_000);
  expect(await renew('ticket-4')).toBe('ticket-5');
  expect(await renew('ticket-5')).toBe('kept');
});

test('while a service refuses every ticket, the time between two new tickets grows to a minute', async () => {
  const issuer = await withTicket();
  const discardedAt: number[] = [];
  for (let second = 0; second < 400; second++) {
    const { text } = issuer;
    if (text !== undefined && issuer.cache.discard(service, text)) {
      discardedAt.push(second);
      const get = issuer.cache.get(service);
      await issuer.settle();
      await get;
    }
    issuer.clock.advance(1_000);
  }
  // The fourth ticket is requested without a wait too.
  expect(discardedAt).toEqual([0, 1, 2, 3, 5, 9, 17, 33, 65, 125, 185, 245, 305, 365]);
  issuer.clock.advance(130_000);
  expect(issuer.cache.discard(service, issuer.text)).toBe(true);
});

test('after a refusal, the request is repeated for 2 s while the registry does not know the service or is down', async () => {
  const issuer = await withTicket();
  issuer.cache.discard(service, 'ticket-1');
  const get = issuer.cache.get(service);
  for (const code of ['NAME_NOT_FOUND', 'REGISTRY_UNREACHABLE'] as const) {
    await issuer.settle(new ClerkError(code, 'not yet'));
    issuer.clock.advance(100);
    await flush();
  }
  await issuer.settle();
  expect((await get).text).toBe('ticket-4');
  issuer.cache.discard(service, 'ticket-4');
  const refused = issuer.cache.get(service);
  await issuer.settle(new ClerkError('FORBIDDEN', 'no right'));
  await expect(refused).rejects.toMatchObject({ code: 'FORBIDDEN' });
  const late = issuer.cache.get(service);
  issuer.clock.advance(2_000);
  await issuer.settle(new ClerkError('NAME_NOT_FOUND', 'absent'));
  await expect(late).rejects.toMatchObject({ code: 'NAME_NOT_FOUND' });
});

test('the late refusal of an earlier ticket does not replace the present one', async () => {
  const issuer = await withTicket();
  issuer.cache.discard(service, 'ticket-1');
  const get = issuer.cache.get(service);
  await issuer.settle();
  await get;
  issuer.clock.advance(2_000);
  expect(issuer.cache.discard(service, 'ticket-1')).toBe(true);
  expect(issuer.text).toBe('ticket-2');
});

test('after a change of the key, no ticket of the old key is used, not even one that was on its way', async () => {
  const issuer = new FakeIssuer();
  const get = issuer.cache.get(service);
  issuer.cache.clear();
  await issuer.settle();
  expect(issuer.requests.length).toBe(2);
  await issuer.settle();
  expect((await get).text).toBe('ticket-2');
  issuer.cache.clear();
  expect(issuer.text).toBeUndefined();
});

test('the least recently used ticket is forgotten when there are too many names', async () => {
  const issuer = await withTicket();
  for (const name of ['/b', '/c']) {
    const get = issuer.cache.get(name);
    await issuer.settle();
    await get;
  }
  expect(issuer.cache.cached(service)).toBeUndefined();
  expect(issuer.cache.cached('/c')?.text).toBe('ticket-3');
});
