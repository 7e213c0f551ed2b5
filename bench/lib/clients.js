/**
 * Every measured client, ours and the peers. A client is created for the origins of the replicas. Its `call` makes one
 * call and consumes the response. In rows with faults, `call` requests a report when `isReport` is true and else an
 * order, and returns the replica that responded. All clients keep up to 64 connections per server, the clerk's default.
 */
import { p2c } from '../peers/p2c.js';
import { readReplica, readText } from './read-response.js';
import { securedClients } from './secured-clients.js';
import { subjectUrl, undici } from './subject.js';

/**
 * @typedef {object} Client
 * @property {(isReport?: boolean) => Promise<unknown>} call
 * @property {() => Promise<unknown>} close
 * @property {() => number} [ejections] - how often a server was taken out of use so far, for clients that do so
 */

const { Agent, BalancedPool, Pool, interceptors } = undici;
const path = '/orders/7';
const get = { path, method: 'GET' };
const report = { path: '/reports/7', method: 'GET' };
const name = '/shop/orders';
const logical = `http://orders.shop.clerk${path}`;
const connections = 64;

/** Resilience as undici documents it: more retryable errors, a short backoff, a headers timeout. */
const retryInterceptor = interceptors.retry({
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
async function createClerk(subject, origins, policy = undefined, options = {}) {
  const library = await import(subjectUrl(subject));
  const clerk = library.createClerk({ registry: { [name]: origins } });
  return { clerk, binding: clerk.bind(name, { policy, ...options }), close: () => clerk.close() };
}

/** The `call` of a client that sends each request through the dispatcher that `next` returns. */
const readFrom = (next) => (isReport) =>
  next()
    .request(isReport ? report : get)
    .then(readReplica);

/** Consumes the response of fetch as text. */
async function readFetchedText(response) {
  if (response.status !== 200) throw new Error(`Status ${response.status}`);
  return response.text();
}

/**
 * The clerk with a policy, for rows with faults.
 *
 * @param {string} [policy]
 * @param {object} [options] - of `bind`, in addition to the policy
 */
const faultClerk = (policy, options) => async (origins, subject) => {
  const { clerk, binding, close } = await createClerk(subject, origins, policy, options);
  let ejections = 0;
  clerk.on('ejected', () => ejections++);
  return { call: readFrom(() => binding), close, ejections: () => ejections };
};

const replicaOf = (value) => value.replica;
const firstPool = (origins) => new Pool(origins[0], { connections });

/** `secured` is for the clients of a secured service. @type {Record<string, (origins: string[], subject: string | undefined, secured?: import('./secured-registry.js').FleetClient) => Client | Promise<Client>>} */
export const clients = {
  ...securedClients,

  // request and text
  pool: (origins) => {
    const pool = firstPool(origins);
    return { call: () => pool.request(get).then(readText), close: () => pool.close() };
  },
  'pool-retry': (origins) => {
    const pool = firstPool(origins).compose(retryInterceptor);
    return { call: () => pool.request(get).then(readText), close: () => pool.close() };
  },
  'pool-timeout': (origins) => {
    const pool = firstPool(origins);
    const call = () => pool.request({ ...get, signal: AbortSignal.timeout(10_000) }).then(readText);
    return { call, close: () => pool.close() };
  },
  'pools-round-robin': (origins) => {
    const pools = origins.map((origin) => new Pool(origin, { connections }));
    let next = 0;
    const call = () => pools[next++ % pools.length].request(get).then(readText);
    return { call, close: () => Promise.all(pools.map((pool) => pool.close())) };
  },
  balanced: (origins) => {
    const pool = new BalancedPool(origins, { connections });
    return { call: () => pool.request(get).then(readText), close: () => pool.close() };
  },
  p2c: (origins) => {
    const peer = p2c(undici, origins);
    return { call: () => peer.request(get).then(readText), close: peer.close };
  },
  clerk: async (origins, subject) => {
    const { binding, close } = await createClerk(subject, origins);
    return { call: () => binding.request(get).then(readText), close };
  },

  // buffered JSON bodies
  'pool-json': (origins) => {
    const pool = firstPool(origins);
    return { call: () => pool.request(get).then(readReplica), close: () => pool.close() };
  },
  'dispatch-json': (origins) => {
    const pool = firstPool(origins);
    return { call: () => dispatchJson(pool).then(replicaOf), close: () => pool.close() };
  },
  'clerk-json': async (origins, subject) => {
    const { binding, close } = await createClerk(subject, origins);
    return { call: () => binding.json(path).then(replicaOf), close };
  },

  // fetch
  'fetch-agent': (origins) => {
    const dispatcher = new Agent({ connections });
    const call = () => undici.fetch(origins[0] + path, { dispatcher }).then(readFetchedText);
    return { call, close: () => dispatcher.close() };
  },
  'fetch-clerk-dispatcher': async (origins, subject) => {
    const { clerk, close } = await createClerk(subject, origins);
    return {
      call: () => undici.fetch(logical, { dispatcher: clerk.dispatcher }).then(readFetchedText),
      close,
    };
  },
  'fetch-clerk': async (origins, subject) => {
    const { clerk, close } = await createClerk(subject, origins);
    return { call: () => clerk.fetch(logical).then(readFetchedText), close };
  },
  'node-fetch-agent': (origins) => {
    const dispatcher = new Agent({ connections });
    const options = /** @type {any} */ ({ dispatcher });
    return {
      call: () => fetch(origins[0] + path, options).then(readFetchedText),
      close: () => dispatcher.close(),
    };
  },
  'node-fetch-clerk-dispatcher': async (origins, subject) => {
    const { clerk, close } = await createClerk(subject, origins);
    const options = /** @type {any} */ ({ dispatcher: clerk.dispatcher });
    return { call: () => fetch(logical, options).then(readFetchedText), close };
  },

  // for rows with faults: each returns the replica that responded
  'fault-clerk': faultClerk(undefined),
  'fault-clerk-round-robin': faultClerk('round-robin'),
  // No option disables the budget. This one allows far more retries than any row needs.
  'fault-clerk-many-retries': faultClerk(undefined, { retries: { budget: { minPerSecond: 10_000 } } }),
  'fault-p2c': (origins) => {
    const peer = p2c(undici, origins);
    return { ...peer, call: readFrom(() => peer) };
  },
  'fault-balanced': (origins) => {
    const pool = new BalancedPool(origins, limits);
    return { call: readFrom(() => pool), close: () => pool.close() };
  },
  'fault-balanced-retry': (origins) => {
    const pool = new BalancedPool(origins, limits).compose(retryInterceptor);
    return { call: readFrom(() => pool), close: () => pool.close() };
  },
  'fault-round-robin': (origins) => {
    const pools = origins.map((origin) => new Pool(origin, limits));
    let next = 0;
    return {
      call: readFrom(() => pools[next++ % pools.length]),
      close: () => Promise.all(pools.map((pool) => pool.close())),
    };
  },
  // imported on use, so that the processes of other clients do not load them
  'fault-cockatiel': async (origins) => {
    const { cockatiel } = await import('../peers/cockatiel.js');
    const peer = cockatiel(undici, origins, connections);
    return { ...peer, call: (isReport) => peer.request(isReport ? report : get, readReplica) };
  },
  'fault-grpc': async (addresses) => (await import('../peers/grpc.js')).grpc(addresses),
  'fault-moleculer': async (urls) => (await import('../peers/moleculer.js')).moleculer(urls),
  'fault-retry-loop': (origins) => {
    const pools = origins.map((origin) => new Pool(origin, { connections }));
    let next = 0;
    const call = async () => {
      for (let attempt = 1; ; attempt++) {
        try {
          const pool = pools[next++ % pools.length];
          return await readReplica(await pool.request({ ...get, signal: AbortSignal.timeout(1_000) }));
        } catch (error) {
          if (attempt === 3) throw error;
        }
      }
    };
    return { call, close: () => Promise.all(pools.map((pool) => pool.close())) };
  },
};

/** The protocol that the replicas of a client serve. @param {string} client @returns {import('./context.js').Protocol} */
export const protocolOf = (client) =>
  client === 'fault-grpc' ? 'grpc' : client === 'fault-moleculer' ? 'moleculer' : 'http';

/** Name of each client in tables and plots. */
export const clientTitles = {
  pool: 'Pool.request',
  'pool-retry': 'Pool + retry interceptor',
  'pool-timeout': 'Pool + AbortSignal.timeout',
  'pools-round-robin': 'three Pools, round robin',
  balanced: 'BalancedPool',
  p2c: 'hand-written P2C over Pools',
  clerk: 'binding.request',
  'pool-json': 'Pool.request + body.json',
  'dispatch-json': 'Pool.dispatch, hand-written handler',
  'clerk-json': 'binding.json',
  'tls-pool': 'Pool.request, mutual TLS',
  'tls-pool-header': 'the same with a ticket header',
  'tls-clerk': 'binding.request with tickets',
  'tls-pool-json': 'Pool.request + body.json, mutual TLS',
  'tls-clerk-json': 'binding.json with tickets',
  'fetch-agent': 'undici fetch, plain Agent',
  'fetch-clerk-dispatcher': 'undici fetch, clerk.dispatcher',
  'fetch-clerk': 'clerk.fetch',
  'node-fetch-agent': 'built-in fetch, plain Agent',
  'node-fetch-clerk-dispatcher': 'built-in fetch, clerk.dispatcher',
  'fault-clerk': 'binding-clerk',
  'fault-clerk-round-robin': 'binding-clerk, round-robin',
  'fault-clerk-many-retries': 'binding-clerk without a limit of retries',
  'fault-p2c': 'hand-written P2C + retry loop',
  'fault-balanced': 'BalancedPool',
  'fault-balanced-retry': 'BalancedPool + retry interceptor',
  'fault-round-robin': 'Pools, round robin',
  'fault-cockatiel': 'cockatiel over Pools, round robin',
  'fault-grpc': 'grpc-js round_robin',
  'fault-moleculer': 'Moleculer Latency',
  'fault-retry-loop': 'naive retry loop over Pools',
};

/** Whether a client is binding-clerk. @param {string} client */
export const isOurs = (client) => client.includes('clerk');

/** The least work that undici can do for a buffered JSON body. */
function dispatchJson(pool) {
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
