/**
 * A process that measures first calls. Each call uses new objects, as in a program that has just started: a new clerk, or
 * new connections to the registry and to the service.
 */
import { handleTasks } from '../lib/child-process.js';
import { subjectUrl, undici } from '../lib/subject.js';

const name = '/shop/orders';
const path = '/orders/7';
const resolvePath = `/v1/resolve?name=${encodeURIComponent(name)}`;
const orderOf = (/** @type {any} */ value) => value.order;

/** Creates a client: `call` makes its first call, `close` releases its connections. @type {Record<string, (origin: string) => { call: () => Promise<unknown>, close: () => Promise<unknown> }>} */
const clients = {
  clerk(origin) {
    const clerk = createClerk({ registry: origin });
    return { call: () => clerk.bind(name).json(path).then(orderOf), close: () => clerk.close() };
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
let client = '';
let registry = '';

handleTasks({
  /** @param {{ client: string, origin: string, subject?: string }} input */
  async prepare(input) {
    ({ client, origin: registry } = input);
    if (client === 'clerk') ({ createClerk } = await import(subjectUrl(input.subject)));
  },
  /**
   * @param {{ calls: number }} input
   * @returns {Promise<number[]>} ms of each call
   */
  async run({ calls }) {
    const times = [];
    for (let i = 0; i < calls; i++) {
      const { call, close } = clients[client](registry);
      const start = performance.now();
      const order = await call();
      times.push(performance.now() - start);
      if (order !== 7) throw new Error(`The response must be order 7; got ${order}`);
      await close();
    }
    return times;
  },
});

/** Looks the name up in the registry, then calls the first endpoint. */
async function resolveAndCall(origin, json) {
  const { endpoints } = await json(origin + resolvePath);
  return orderOf(await json(endpoints[0].addresses[0] + path));
}
