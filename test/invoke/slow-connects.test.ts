/** The endpoint that was chosen first accepts connections later than the attempt timeout. */
import { expect, test } from 'vitest';
import type { BindOptions, RequestOptions } from 'binding-clerk';
import { joinWorld } from './join-world.js';

const body = (): AsyncIterable<Uint8Array> =>
  (async function* () {
    yield Buffer.from('order');
  })();

const cases: readonly (readonly [what: string, bind: BindOptions, request: Partial<RequestOptions>])[] = [
  ['retries: false', { retries: false }, {}],
  ['a body that can be sent once', {}, { method: 'PUT', kind: 'idempotent', body: body() }],
  ['a once call', {}, { method: 'POST', body: 'order' }],
];

test.each([...cases, ['a GET', {}, {}] as const])(
  'the first endpoint connects late and gets the request: %s',
  async (_what, bind, request) => {
    const world = joinWorld(3, () => ({ body: '{}' }), bind, { autoAdvance: false });
    const { cluster, runtime, binding, received, outcomes } = world;
    for (const id of world.ids) cluster.stall(id);
    const call = binding.request({ path: '/', timeoutMs: 3_000, ...request });
    await runtime.advance(1_200);
    cluster.accept('a');
    await runtime.advance(100);

    expect((await call).endpoint.id).toBe('a');
    expect(received).toEqual(['a']);
    expect(outcomes.map(({ endpoint, code }) => `${endpoint} ${code}`).sort()).toEqual([
      'a 200',
      'b SUPERSEDED',
      'c SUPERSEDED',
    ]);
  },
);

test.each(cases)(
  'of two endpoints that connect at once, one gets the request: %s',
  async (_what, bind, request) => {
    const world = joinWorld(2, () => ({ body: '{}' }), bind, { autoAdvance: false });
    const { cluster, runtime, binding, received } = world;
    for (const id of world.ids) cluster.stall(id);
    const call = binding.request({ path: '/', timeoutMs: 3_000, ...request });
    await runtime.advance(600);
    for (const id of world.ids) cluster.accept(id);
    await runtime.advance(100);

    await call;
    expect(received).toHaveLength(1);
    expect(world.pending()).toBe(0);
  },
);
