/** Random interleavings, store failures and crashes: no key runs twice, and every response is correct. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { memoryCalls, type IdempotencyStore, type CallLookup } from 'binding-clerk/service';
import { createFakeRuntime } from 'binding-clerk/testing';
import {
  callId,
  guardedService,
  parseResponse,
  type ParsedResponse,
  type GuardedService,
} from './guarded-service.js';

const hour = 3_600_000;

/** The next step. */
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('call' as const),
      id: fc.nat(3),
      body: fc.nat({ max: 9 }).map((n) => (n === 0 ? 'other' : 'one')),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('end' as const),
      run: fc.nat(5),
      how: fc.constantFrom('respond', 'large', 'throw'),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('store' as const),
      op: fc.nat(5),
      // Some writes fail after they took effect.
      fails: fc.nat({ max: 7 }).map((n) => (['before', 'after'] as const)[n]),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('wait' as const),
      ms: fc.constantFrom(1_000, hour / 2, hour + 1),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('jump' as const),
      ms: fc.constantFrom(-2 * hour, -60_000, 60_000, 2 * hour),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('crash' as const) }) },
);

test.each(['process', 'durable'] as const)('with a store that is %s', async (kind) => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
      const runtime = createFakeRuntime({ seed: 1 });
      const ids = [0, 1, 2, 3].map((number) => callId(runtime.wallNow() + 1, number));
      await runtime.advance(1);
      /** Executions by key, with their response. */
      const executions = new Map<string, { body: string; response: string | undefined }[]>();
      const running: { id: string; incarnation: number; end: (how: string) => void }[] = [];
      const responses: Promise<void>[] = [];
      const wrong: string[] = [];
      let incarnation = 0;
      let pending: ((fails?: 'before' | 'after') => void)[] = [];

      const begin = (memory: IdempotencyStore): GuardedService => {
        const mine = ++incarnation;
        // Each store operation waits until a step releases it; those of an earlier incarnation never happen.
        const slow = <T>(go: () => Promise<T>): Promise<T> =>
          new Promise((resolve, reject) => {
            pending.push((fails) => {
              if (mine !== incarnation) return;
              const failed = (): void => reject(new Error('failed'));
              if (fails === 'before') failed();
              else go().then(fails === 'after' ? failed : resolve, reject);
            });
          });
        const store: IdempotencyStore = {
          isDurable: kind === 'durable',
          begin: (call) => slow<CallLookup>(() => memory.begin(call)),
          end: (id, how) => slow(() => memory.end(id, how)),
          withdraw: (id) => slow(() => memory.withdraw(id)),
          expire: (bornBefore) => slow(() => memory.expire(bornBefore)),
        };
        const world = guardedService({
          runtime,
          store,
          windowMs: hour,
          incarnation: `incarnation-${mine}`,
          maxResponseBytes: 50,
        });
        world.guard.instanceEpochs.add('orders-1', mine);
        world.handler = (request) => {
          const id = request.headers.get('clerk-call-id') as string;
          return new Promise((resolve, reject) => {
            void request.text().then((body) => {
              const execution = { body, response: undefined as string | undefined };
              executions.set(id, [...(executions.get(id) ?? []), execution]);
              const end = (how: string): void => {
                if (how === 'throw') return reject(new Error('No more paper'));
                execution.response = `${id} ${how} ${how === 'large' ? 'x'.repeat(100) : ''}`.padEnd(49);
                if (how === 'respond') execution.response = execution.response.slice(0, 50);
                resolve(new Response(execution.response));
              };
              running.push({ id, incarnation: mine, end });
            });
          });
        };
        return world;
      };

      const check = (id: string, body: string, response: ParsedResponse): void => {
        const all = executions.get(id) ?? [];
        const report = (what: string): void =>
          void wrong.push(`${what}: ${response.status} ${response.idempotency} for ${id}`);
        if (response.idempotency === 'replayed' && response.body !== all[0]?.response)
          report('replayed a response that was not given');
        if (response.status === 200 && all[0]?.body !== body) report('response of another call');
        if (response.idempotency === 'mismatch' && body === 'one' && all.length > 0 && all[0]?.body === 'one')
          report('no mismatch');
        if (response.idempotency === 'running' && response.notExecuted === '1')
          report('both running and not executed');
        if (response.status === 503 && response.notExecuted !== '1') report('a rejection without status');
      };

      let memory = memoryCalls();
      let world = begin(memory);
      // Like a client, each retry names the epoch of its first attempt.
      const targetEpochs = new Map<string, number>();
      for (const next of steps) {
        if (next.kind === 'call') {
          const id = ids[next.id] as string;
          if (!targetEpochs.has(id)) targetEpochs.set(id, incarnation);
          const mine = incarnation;
          const sent = world.callRaw({ id, body: next.body, instance: `orders-1 ${targetEpochs.get(id)}` });
          responses.push(
            sent
              .then(parseResponse)
              .then((response) => {
                if (mine === incarnation) check(id, next.body, response);
              })
              .catch(() => undefined),
          );
        } else if (next.kind === 'end') {
          const [one] = running.splice(next.run % Math.max(1, running.length), 1);
          if (one?.incarnation === incarnation) one.end(next.how);
        } else if (next.kind === 'store') {
          const [one] = pending.splice(next.op % Math.max(1, pending.length), 1);
          one?.(next.fails);
        } else if (next.kind === 'wait') await runtime.advance(next.ms);
        else if (next.kind === 'jump') runtime.shiftWallClock(next.ms);
        else {
          pending = [];
          if (kind === 'process') memory = memoryCalls();
          world = begin(memory);
        }
        await runtime.advance(0);
      }
      for (let i = 0; i < 20; i++) {
        for (const one of running.splice(0)) if (one.incarnation === incarnation) one.end('respond');
        for (const one of pending.splice(0)) one();
        await runtime.advance(0);
      }
      // Nothing runs any more, so no call may be reported as running, whatever could not be stored.
      for (const id of ids) {
        const body = executions.get(id)?.[0]?.body ?? 'one';
        const sent = world.call({ id, body, instance: `orders-1 ${targetEpochs.get(id) ?? incarnation}` });
        for (let i = 0; i < 5; i++) {
          await runtime.advance(0);
          for (const one of pending.splice(0)) one();
          for (const one of running.splice(0)) one.end('respond');
        }
        if ((await sent).idempotency === 'running') wrong.push(`${id} is reported as running`);
      }
      for (const [id, all] of executions) if (all.length > 1) wrong.push(`${id} ran ${all.length} times`);
      expect(wrong).toEqual([]);
    }),
    { numRuns: 400, seed: 20_261 },
  );
});
