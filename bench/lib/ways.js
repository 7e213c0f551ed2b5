/**
 * Every way of calling that is measured, ours and the peers'. A way is made from the origins of the replicas and gives one
 * function that makes one call, consumes the answer, and returns the replica that answered (where the row wants to know).
 * All keep up to 64 connections per server, the clerk's default.
 */
import { p2c } from '../peers/p2c.js';
import { subjectUrl, undici } from './subject.js';

/**
 * @typedef {object} Way
 * @property {() => Promise<unknown>} call
 * @property {() => Promise<unknown>} close
 */

const { Agent, BalancedPool, Pool, interceptors } = undici;
const path = '/orders/7';
const get = { path, method: 'GET' };
const name = '/shop/orders';
const logical = `http://orders.shop.clerk${path}`;
const connections = 64;

/** What undici's documents offer against servers that fail: more errors to retry, short waits, a limit on silence. */
const retrying = interceptors.retry({
  maxRetries: 3,
  minTimeout: 10,
  maxTimeout: 100,
  errorCodes: [
    ...[
      'ECONNRESET',
      'ECONNREFUSED',
      'ENOTFOUND',
      'ENETDOWN',
      'ENETUNREACH',
      'EHOSTDOWN',
      'EHOSTUNREACH',
      'EPIPE',
    ],
    ...['UND_ERR_SOCKET', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_CONNECT_TIMEOUT'],
  ],
});
const limits = { connections, headersTimeout: 1_000, connectTimeout: 1_000 };

/** @param {string | undefined} subject */
async function createClerk(subject, origins) {
  const library = await import(subjectUrl(subject));
  const clerk = library.createClerk({ registry: { [name]: origins } });
  return { clerk, binding: clerk.bind(name), close: () => clerk.close() };
}

/** Consumes an answer of undici's `request` as text. */
async function text({ statusCode, body }) {
  if (statusCode !== 200) throw new Error(`Status ${statusCode}`);
  return body.text();
}

/** Consumes an answer of undici's `request` as JSON and says who answered. */
async function json({ statusCode, body }) {
  const value = await body.json();
  if (statusCode !== 200) throw new Error(`Status ${statusCode}`);
  return value.replica;
}

/** Consumes an answer of fetch as text. */
async function fetched(response) {
  if (response.status !== 200) throw new Error(`Status ${response.status}`);
  return response.text();
}

const replica = (value) => value.replica;
const one = (origins) => new Pool(origins[0], { connections });

/** @type {Record<string, (origins: string[], subject: string | undefined) => Way | Promise<Way>>} */
export const ways = {
  // request and text
  pool: (origins) => {
    const pool = one(origins);
    return { call: () => pool.request(get).then(text), close: () => pool.close() };
  },
  'pool-retry': (origins) => {
    const pool = one(origins).compose(retrying);
    return { call: () => pool.request(get).then(text), close: () => pool.close() };
  },
  'pool-timeout': (origins) => {
    const pool = one(origins);
    const call = () => pool.request({ ...get, signal: AbortSignal.timeout(10_000) }).then(text);
    return { call, close: () => pool.close() };
  },
  'pools-in-turn': (origins) => {
    const pools = origins.map((origin) => new Pool(origin, { connections }));
    let turn = 0;
    const call = () => pools[turn++ % pools.length].request(get).then(text);
    return { call, close: () => Promise.all(pools.map((pool) => pool.close())) };
  },
  balanced: (origins) => {
    const pool = new BalancedPool(origins, { connections });
    return { call: () => pool.request(get).then(text), close: () => pool.close() };
  },
  p2c: (origins) => {
    const peer = p2c(undici, origins);
    return { call: () => peer.request(get).then(text), close: peer.close };
  },
  clerk: async (origins, subject) => {
    const { binding, close } = await createClerk(subject, origins);
    return { call: () => binding.request(get).then(text), close };
  },

  // whole JSON bodies
  'pool-json': (origins) => {
    const pool = one(origins);
    return { call: () => pool.request(get).then(json), close: () => pool.close() };
  },
  'dispatch-json': (origins) => {
    const pool = one(origins);
    return { call: () => dispatched(pool).then(replica), close: () => pool.close() };
  },
  'clerk-json': async (origins, subject) => {
    const { binding, close } = await createClerk(subject, origins);
    return { call: () => binding.json(path).then(replica), close };
  },

  // fetch
  'fetch-agent': (origins) => {
    const dispatcher = new Agent({ connections });
    const call = () => undici.fetch(origins[0] + path, { dispatcher }).then(fetched);
    return { call, close: () => dispatcher.close() };
  },
  'fetch-clerk-dispatcher': async (origins, subject) => {
    const { clerk, close } = await createClerk(subject, origins);
    return { call: () => undici.fetch(logical, { dispatcher: clerk.dispatcher }).then(fetched), close };
  },
  'fetch-clerk': async (origins, subject) => {
    const { clerk, close } = await createClerk(subject, origins);
    return { call: () => clerk.fetch(logical).then(fetched), close };
  },
  'node-fetch-agent': (origins) => {
    const dispatcher = new Agent({ connections });
    const options = /** @type {any} */ ({ dispatcher });
    return { call: () => fetch(origins[0] + path, options).then(fetched), close: () => dispatcher.close() };
  },
  'node-fetch-clerk-dispatcher': async (origins, subject) => {
    const { clerk, close } = await createClerk(subject, origins);
    const options = /** @type {any} */ ({ dispatcher: clerk.dispatcher });
    return { call: () => fetch(logical, options).then(fetched), close };
  },

  // against replicas that misbehave: each says who answered
  'world-clerk': async (origins, subject) => {
    const { binding, close } = await createClerk(subject, origins);
    return { call: () => binding.request(get).then(json), close };
  },
  'world-p2c': (origins) => {
    const peer = p2c(undici, origins);
    return { call: () => peer.request(get).then(json), close: peer.close };
  },
  'world-balanced': (origins) => {
    const pool = new BalancedPool(origins, limits);
    return { call: () => pool.request(get).then(json), close: () => pool.close() };
  },
  'world-balanced-retry': (origins) => {
    const pool = new BalancedPool(origins, limits).compose(retrying);
    return { call: () => pool.request(get).then(json), close: () => pool.close() };
  },
  'world-in-turn': (origins) => {
    const pools = origins.map((origin) => new Pool(origin, limits));
    let turn = 0;
    const call = () => pools[turn++ % pools.length].request(get).then(json);
    return { call, close: () => Promise.all(pools.map((pool) => pool.close())) };
  },
  // loaded only where they call, so that no other way's process carries them
  'world-cockatiel': async (origins) => {
    const { cockatiel } = await import('../peers/cockatiel.js');
    const peer = cockatiel(undici, origins, connections);
    return { call: () => peer.request(get, json), close: peer.close };
  },
  'world-grpc': async (addresses) => (await import('../peers/grpc.js')).grpc(addresses),
  'world-moleculer': async (urls) => (await import('../peers/moleculer.js')).moleculer(urls),
  'world-loop': (origins) => {
    const pools = origins.map((origin) => new Pool(origin, { connections }));
    let turn = 0;
    const call = async () => {
      for (let tries = 1; ; tries++) {
        try {
          const pool = pools[turn++ % pools.length];
          return await json(await pool.request({ ...get, signal: AbortSignal.timeout(1_000) }));
        } catch (error) {
          if (tries === 3) throw error;
        }
      }
    };
    return { call, close: () => Promise.all(pools.map((pool) => pool.close())) };
  },
};

/** What the replicas must speak for a way. @param {string} way @returns {import('./context.js').Speech} */
export const speechOf = (way) =>
  way === 'world-grpc' ? 'grpc' : way === 'world-moleculer' ? 'moleculer' : 'http';

/** How each way is called in tables and plots. */
export const titles = {
  pool: 'Pool.request',
  'pool-retry': 'Pool + retry interceptor',
  'pool-timeout': 'Pool + AbortSignal.timeout',
  'pools-in-turn': 'three Pools in turn',
  balanced: 'BalancedPool',
  p2c: 'P2C over Pools, by hand',
  clerk: 'binding.request',
  'pool-json': 'Pool.request + body.json',
  'dispatch-json': 'Pool.dispatch, handler by hand',
  'clerk-json': 'binding.json',
  'fetch-agent': 'undici fetch, plain Agent',
  'fetch-clerk-dispatcher': 'undici fetch, clerk.dispatcher',
  'fetch-clerk': 'clerk.fetch',
  'node-fetch-agent': 'built-in fetch, plain Agent',
  'node-fetch-clerk-dispatcher': 'built-in fetch, clerk.dispatcher',
  'world-clerk': 'binding-clerk',
  'world-p2c': 'P2C + retry loop, by hand',
  'world-balanced': 'BalancedPool',
  'world-balanced-retry': 'BalancedPool + retry interceptor',
  'world-in-turn': 'Pools in turn',
  'world-cockatiel': 'cockatiel over Pools in turn',
  'world-grpc': 'grpc-js round_robin',
  'world-moleculer': 'Moleculer Latency',
  'world-loop': 'naive retry loop over Pools',
};

/** Whether a way is ours. @param {string} way */
export const isOurs = (way) => way.includes('clerk');

/** The least that undici can be asked to do for a whole JSON body. */
function dispatched(pool) {
  return new Promise((resolve, reject) => {
    let status = 0;
    /** @type {Buffer[]} */
    const chunks = [];
    pool.dispatch(get, {
      onConnect() {},
      onHeaders(statusCode) {
        status = statusCode;
        return true;
      },
      onData(chunk) {
        chunks.push(chunk);
        return true;
      },
      onComplete() {
        if (status !== 200) return reject(new Error(`Status ${status}`));
        resolve(JSON.parse((chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)).toString()));
      },
      onError: reject,
    });
  });
}
