/** A process that measures one part of the build, in batches, in ns per operation. */
import { p2c } from '../peers/p2c.js';
import { handleTasks } from '../lib/child-process.js';
import { now } from '../lib/clock.js';
import { internalUrl, undici } from '../lib/subject.js';
import { seededRandom } from '../lib/statistics.js';

/** @type {Map<string, (count: number) => number>} */
const operations = new Map();
let sink = 0;

handleTasks({
  /** Prepares a pick by one of our policies, among `count` endpoints with latencies and calls in flight. */
  async pick({ key, policy, count, seed, subject }) {
    const picker = await preparePicker(policy, count, seed, subject);
    const context = { now: performance.now() + 1, random: Math.random, affinity: undefined };
    operations.set(key, (times) => {
      let found = 0;
      for (let i = 0; i < times; i++) {
        // Advance the clock, as between calls.
        context.now += 0.05;
        // Do not read the pick: among thousands of endpoints that alone would be a cache miss.
        if (picker(context) !== undefined) found++;
      }
      return found;
    });
  },
  /** Prepares a pick by the hand-written peer. */
  pickByPeer({ key, count, seed }) {
    const random = seededRandom(seed);
    const peer = p2c(
      undici,
      Array.from({ length: count }, (_, i) => `http://127.0.0.1:${20_000 + i}`),
    );
    let at = performance.now();
    for (const node of peer.nodes)
      Object.assign(node, { cost: 1 + random() * 4, stamp: at, pending: Math.floor(random() * 4) });
    operations.set(key, (times) => {
      let found = 0;
      for (let i = 0; i < times; i++) {
        at += 0.05;
        if (peer.pick(at, undefined) !== undefined) found++;
      }
      return found;
    });
  },
  /** Prepares lookups of cached names. */
  async peek({ key, names, subject }) {
    const [{ CachedResolver }, { systemClock: clock }] = await Promise.all([
      import(internalUrl('resolve/cached-resolver.js', subject)),
      import(internalUrl('runtime/system-clock.js', subject)),
    ]);
    const inner = {
      resolve: async (name) => ({
        kind: 'bound',
        ...{
          name,
          canonical: name,
          endpoints: [],
          policy: undefined,
          path: [],
          revision: '',
          incarnation: '',
        },
        ...{ ttlMs: 3_600_000, requestedAt: clock.now(), requestedWallAt: clock.wallNow(), stale: false },
      }),
    };
    const cached = new CachedResolver(inner, {
      clock,
      reporter: { hasListeners: () => false, emit() {} },
      maxNames: 10_000,
    });
    const all = Array.from({ length: names }, (_, i) => `/shop/service-${i}`);
    for (const name of all) await cached.resolve(name);
    operations.set(key, (times) => {
      let found = 0;
      for (let i = 0; i < times; i++) if (cached.peek(all[i % names]) !== undefined) found++;
      if (found !== times) throw new Error(`All ${times} lookups must find a cached name; got ${found}`);
      return found;
    });
  },
  /** Prepares the same lookups in an lru-cache with a TTL. */
  async lru({ key, names }) {
    const { LRUCache } = await import('lru-cache');
    const cache = new LRUCache({ max: 10_000, ttl: 3_600_000 });
    const all = Array.from({ length: names }, (_, i) => `/shop/service-${i}`);
    for (const name of all) cache.set(name, { name });
    operations.set(key, (times) => {
      let found = 0;
      for (let i = 0; i < times; i++) if (cache.get(all[i % names]) !== undefined) found++;
      return found;
    });
  },
  /** Measures one batch. */
  time({ key, times }) {
    const operation = /** @type {(count: number) => number} */ (operations.get(key));
    const start = now();
    sink += operation(times);
    return ((now() - start) * 1e6) / times;
  },
  sink: () => sink,
});

/** A picker of the build, over endpoint states with latencies and calls in flight. */
async function preparePicker(policy, count, seed, subject) {
  const [{ EndpointState }, policyToPrepare] = await Promise.all([
    import(internalUrl('health/endpoint-state.js', subject)),
    createPolicy(policy, subject),
  ]);
  const random = seededRandom(seed);
  const at = performance.now() + 1;
  const candidates = Array.from({ length: count }, (_, i) => {
    const address = `http://10.0.${i >> 8}.${i & 255}:80`;
    const endpoint = Object.freeze({
      id: address,
      epoch: 0,
      address,
      addresses: Object.freeze([address]),
      weight: 1,
      // Half of the endpoints are local, so that both sizes take the same code path.
      host: i % 2 === 0 ? 'here' : `host-${i}`,
      zone: 'near',
      version: undefined,
      attributes: Object.freeze({}),
    });
    const state = new EndpointState(endpoint, { channel: undefined, tlsChannel: undefined });
    state.observe(1 + random() * 4, at);
    state.pending = Math.floor(random() * 4);
    return state;
  });
  return policyToPrepare.prepare({ candidates, all: candidates, locality: { host: 'here', zone: 'near' } });
}

async function createPolicy(policy, subject) {
  const [{ random }, { loadAware }, { localFirst }] = await Promise.all(
    ['random', 'load-aware', 'local-first'].map(
      (file) => import(internalUrl(`load-balancing/${file}.js`, subject)),
    ),
  );
  if (policy === 'random') return random();
  return policy === 'load-aware' ? loadAware() : localFirst(loadAware());
}
