/**
 * A process that measures first calls. Each call uses new objects, as in a program that has just started: a new clerk, or
 * new connections to the registry and to the service.
 */
import { handleTasks } from '../lib/child-process.js';
import { subjectUrl, undici } from '../lib/subject.js';

const defaultName = '/shop/orders';
const path = '/orders/7';
const resolvePath = `/v1/resolve?name=${encodeURIComponent(defaultName)}`;
const orderOf = (/** @type {any} */ value) => value.order;

/** Creates a client: `call` makes its first call, `close` releases its connections. @type {Record<string, (origin: string, input: { name: string, method: string }) => { call: () => Promise<unknown>, close: () => Promise<unknown> }>} */
const clients = {
  clerk(origin, { name, method }) {
    const clerk = createClerk({ registry: origin, ...proof });
    const call = () => clerk.bind(name).json(path, { method }).then(orderOf);
    return { call, close: () => clerk.close() };
  },
  request(origin) {
    const agent = new undici.Agent();
    const json = async (/** @type {string} */ url) => {
      const { statusCode, body } = await undici.request(url, { dispatcher: agent });
      if (statusCode !== 200) throw new Error(`Status ${statusCode}`);
      return body.json();
    };
    return { call: () => resolveAndCall(origin, json), close: () => agent.close() };
  },
  fetch(origin) {
    const dispatcher = new undici.Agent();
    const json = async (/** @type {string} */ url) => {
      const response = await undici.fetch(url, { dispatcher });
      if (!response.ok) throw new Error(`Status ${response.status}`);
      return response.json();
    };
    return { call: () => resolveAndCall(origin, json), close: () => dispatcher.close() };
  },
};

/** @type {(options: object) => any} */
let createClerk;
/** @type {any} */
let warmClerk;
/** Options of each clerk of a secured registry. @type {{ registryKey?: string, identity?: string }} */
let proof = {};
let client = '';
let registry = '';

handleTasks({
  /** @param {{ client: string, origin: string, subject?: string, proof?: { registryKey: string, identity: string } }} input */
  async prepare(input) {
    ({ client, origin: registry, proof = {} } = input);
    if (client === 'clerk') ({ createClerk } = await import(subjectUrl(input.subject)));
  },
  /**
   * @param {{ calls: number, name?: string, method?: string }} input - `name` and `method` are for a clerk only
   * @returns {Promise<number[]>} ms of each call
   */
  async run({ calls, name = defaultName, method = 'GET' }) {
    const times = [];
    for (let i = 0; i < calls; i++) {
      const { call, close } = clients[client](registry, { name, method });
      const start = performance.now();
      const order = await call();
      times.push(performance.now() - start);
      if (order !== 7) throw new Error(`The response must be order 7; got ${order}`);
      await close();
    }
    return times;
  },
  /**
   * Calls services through one clerk.
   *
   * @param {{ names: string[], calls: number }} input
   * @returns {Promise<{ first: number[], warm: number[] }>} ms of the first call of each name, and of `calls` further calls
   *   of each name
   */
  async runWarm({ names, calls }) {
    warmClerk ??= createClerk({ registry });
    const [first, warm] = [[], []];
    for (const name of names) {
      for (let i = 0; i <= calls; i++) {
        const start = performance.now();
        const order = orderOf(await warmClerk.bind(name).json(path));
        (i === 0 ? first : warm).push(performance.now() - start);
        if (order !== 7) throw new Error(`The response must be order 7; got ${order}`);
      }
    }
    return { first, warm };
  },
});

/** Looks the name up in the registry, then calls the first endpoint. */
async function resolveAndCall(origin, json) {
  const { endpoints } = await json(origin + resolvePath);
  return orderOf(await json(endpoints[0].addresses[0] + path));
}
