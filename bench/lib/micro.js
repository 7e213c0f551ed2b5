/** A process that times one part of the build by itself, in batches, in ns per operation. */
import { p2c } from '../peers/p2c.js';
import { answering } from './children.js';
import { now } from './clock.js';
import { internalUrl, undici } from './subject.js';
import { seeded } from './stats.js';

/** @type {Map<string, (count: number) => number>} */
const operations = new Map();
let sink = 0;

answering({
  /** Prepares a policy over so many endpoints of which something is known. */
  async pick({ key, policy, count, seed, subject }) {
    const picker = await preparePicker(policy, count, seed, subject);
    const context = { now: performance.now() + 1, random: Math.random, affinity: undefined };
    operations.set(key, (times) => {
      let seen = 0;
      for (let i = 0; i < times; i++) {
        // The clock moves, as it does from call to call.
        context.now += 0.05;
        // Who was chosen is not looked at: among thousands that alone would be a miss of the cache, whoever chose.
        if (picker(context) !== undefined) seen++;
      }
      return seen;
    });
  },
  /** Prepares the peer's choice. */
  pickByHand({ key, count, seed }) {
    const random = seeded(seed);
    const peer = p2c(
      undici,
      Array.from({ length: count }, (_, i) => `http://127.0.0.1:${20_000 + i}`),
    );
    let at = performance.now();
    for (const node of peer.nodes)
      Object.assign(node, { cost: 1 + random() * 4, stamp: at, pending: Math.floor(random() * 4) });
    operations.set(key, (times) => {
      let seen = 0;
      for (let i = 0; i < times; i++) {
        at += 0.05;
        if (peer.pick(at, undefined) !== undefined) seen++;
      }
      return seen;
    });
  },
  /** Prepares look-ups of names that are remembered. */
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
      let seen = 0;
      for (let i = 0; i < times; i++) if (cached.peek(all[i % names]) !== undefined) seen++;
      if (seen !== times) throw new Error(`${times - seen} of ${times} names were not remembered`);
      return seen;
    });
  },
  /** Prepares the same with lru-cache alone, each entry with a time to live. */
  async lru({ key, names }) {
    const { LRUCache } = await import('lru-cache');
    const cache = new LRUCache({ max: 10_000, ttl: 3_600_000 });
    const all = Array.from({ length: names }, (_, i) => `/shop/service-${i}`);
    for (const name of all) cache.set(name, { name });
    operations.set(key, (times) => {
      let seen = 0;
      for (let i = 0; i < times; i++) if (cache.get(all[i % names]) !== undefined) seen++;
      return seen;
    });
  },
  /** Times one batch. */
  time({ key, times }) {
    const operation = /** @type {(count: number) => number} */ (operations.get(key));
    const start = now();
    sink += operation(times);
    return ((now() - start) * 1e6) / times;
  },
  sink: () => sink,
});

/** A prepared picker of the build, over members of the endpoint table with latencies and calls in flight. */
async function preparePicker(policy, count, seed, subject) {
  const [{ EndpointState }, made] = await Promise.all([
    import(internalUrl('health/endpoint-state.js', subject)),
    makePolicy(policy, subject),
  ]);
  const random = seeded(seed);
  const at = performance.now() + 1;
  const candidates = Array.from({ length: count }, (_, i) => {
    const address = `http://10.0.${i >> 8}.${i & 255}:80`;
    const endpoint = Object.freeze({
      id: address,
      epoch: 0,
      address,
      addresses: Object.freeze([address]),
      weight: 1,
      // Half of them are local, whatever their number: one code path, two sizes.
      host: i % 2 === 0 ? 'here' : `host-${i}`,
      zone: 'near',
      version: undefined,
      attributes: Object.freeze({}),
    });
    const member = new EndpointState(endpoint, { channel: undefined, tlsChannel: undefined });
    member.observe(1 + random() * 4, at);
    member.pending = Math.floor(random() * 4);
    return member;
  });
  return made.prepare({ candidates, all: candidates, locality: { host: 'here', zone: 'near' } });
}

async function makePolicy(policy, subject) {
  const [{ random }, { loadAware }, { localFirst }] = await Promise.all(
    ['random', 'load-aware', 'local-first'].map((file) => import(internalUrl(`select/${file}.js`, subject))),
  );
  if (policy === 'random') return random();
  return policy === 'load-aware' ? loadAware() : localFirst(loadAware());
}
