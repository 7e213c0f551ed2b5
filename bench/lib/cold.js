/**
 * A process that makes first calls: everything new for each, the way a program does it that has just started. Ours by a
 * fresh clerk, by hand with fresh connections to the registry and to the service it names.
 */
import { answering } from './children.js';
import { subjectUrl, undici } from './subject.js';

const name = '/shop/orders';
const path = '/orders/7';
const question = `/v1/resolve?name=${encodeURIComponent(name)}`;
const orders = (/** @type {any} */ value) => value.order;

/** Gives a first call and what lets go of what it has used. @type {Record<string, (origin: string) => { call: () => Promise<unknown>, close: () => Promise<unknown> }>} */
const ways = {
  clerk(origin) {
    const clerk = createClerk({ registry: origin });
    return { call: () => clerk.bind(name).json(path).then(orders), close: () => clerk.close() };
  },
  request(origin) {
    const agent = new undici.Agent();
    const json = async (/** @type {string} */ url) => {
      const { statusCode, body } = await undici.request(url, { dispatcher: agent });
      if (statusCode !== 200) throw new Error(`Status ${statusCode}`);
      return body.json();
    };
    return { call: () => both(origin, json), close: () => agent.close() };
  },
  fetch(origin) {
    const dispatcher = new undici.Agent();
    const json = async (/** @type {string} */ url) => {
      const response = await undici.fetch(url, { dispatcher });
      if (!response.ok) throw new Error(`Status ${response.status}`);
      return response.json();
    };
    return { call: () => both(origin, json), close: () => dispatcher.close() };
  },
};

/** @type {(options: object) => any} */
let createClerk;
let way = '';
let registry = '';

answering({
  /** @param {{ way: string, origin: string, subject?: string }} input */
  async prepare(input) {
    ({ way, origin: registry } = input);
    if (way === 'clerk') ({ createClerk } = await import(subjectUrl(input.subject)));
  },
  /**
   * @param {{ calls: number }} input
   * @returns {Promise<number[]>} ms of each
   */
  async run({ calls }) {
    const times = [];
    for (let i = 0; i < calls; i++) {
      const { call, close } = ways[way](registry);
      const start = performance.now();
      const answer = await call();
      times.push(performance.now() - start);
      if (answer !== 7) throw new Error('The answer is not the one that was asked for');
      await close();
    }
    return times;
  },
});

/** Asks the registry, then the first endpoint that it names. */
async function both(origin, json) {
  const { endpoints } = await json(origin + question);
  return orders(await json(endpoints[0].addresses[0] + path));
}
