/**
 * A process that watches names and changes them, and measures how long a change takes to come back. Ours through a
 * clerk's watch, etcd's through the stream of its gateway, read by hand. Changes are sent the same way to both.
 */
import { answering } from './children.js';
import { sleep } from './clock.js';
import { base64, endOf } from './etcd.js';
import { say } from './requests.js';
import { seeded } from './stats.js';
import { subjectUrl, undici } from './subject.js';

const prefix = '/bench/';
const names = Array.from({ length: 20 }, (_, i) => `${prefix}service-${i}`);

/** What a change is, by its number. */
const registration = (/** @type {number} */ number) => ({
  name: names[number % names.length],
  id: `instance-${number % names.length}`,
  addresses: ['http://10.0.0.1:8080'],
  version: '2.1.0',
  attributes: { change: String(number) },
  leaseMs: 3_600_000,
});

/** Called with the number of each change that arrived. @type {(number: number) => void} */
let arrived = () => undefined;
/** Makes a change. @type {(number: number) => Promise<unknown>} */
let change;

const ways = {
  async clerk(origin, subject) {
    const { createClerk } = await import(subjectUrl(subject));
    const client = new undici.Client(origin);
    change = (number) => say(client, '/v1/register', registration(number));
    const clerk = createClerk({ registry: origin });
    void (async () => {
      for await (const { type, endpoints } of clerk.watch(`${prefix}*`))
        if (type === 'put') arrived(Number(endpoints[0]?.attributes.change));
    })();
  },

  async etcd(origin) {
    const client = new undici.Client(origin);
    change = (number) => {
      const value = registration(number);
      return say(client, '/v3/kv/put', { key: base64(value.name), value: base64(JSON.stringify(value)) });
    };
    const { body } = await new undici.Client(origin, { bodyTimeout: 0 }).request({
      path: '/v3/watch',
      method: 'POST',
      body: JSON.stringify({ create_request: { key: base64(prefix), range_end: endOf(prefix) } }),
    });
    void (async () => {
      let rest = '';
      for await (const chunk of body.setEncoding('utf8')) {
        const lines = (rest + chunk).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines)
          for (const { kv } of JSON.parse(line).result.events ?? [])
            arrived(Number(JSON.parse(Buffer.from(kv.value, 'base64').toString()).attributes.change));
      }
    })();
  },
};

answering({
  /** @param {{ way: keyof ways, origin: string, subject?: string, seed: number }} input */
  async prepare({ way, origin, subject, seed }) {
    random = seeded(seed);
    await ways[way](origin, subject);
    // The watch is open when a change comes through it.
    for (let tries = 0; tries < 50; tries++) if ((await measured(number++, 200)) !== undefined) return;
    throw new Error(`No change arrives through the watch of ${way}`);
  },
  /**
   * Makes so many changes, one after another with 2 to 6 ms between them.
   *
   * @param {{ changes: number }} input
   * @returns {Promise<number[]>} ms from sending each to its callback
   */
  async run({ changes }) {
    const times = [];
    for (let i = 0; i < changes; i++) {
      const ms = await measured(number++, 5_000);
      if (ms === undefined) throw new Error('A change did not arrive within 5 s');
      times.push(ms);
      await sleep(2 + 4 * random());
    }
    return times;
  },
});

let number = 0;
let random = Math.random;

/** @returns {Promise<number | undefined>} */
async function measured(mine, patienceMs) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const start = performance.now();
  const came = new Promise((resolve) => {
    arrived = (other) => other === mine && resolve(performance.now() - start);
    timer = setTimeout(() => resolve(undefined), patienceMs);
  });
  const [ms] = await Promise.all([came, change(mine)]);
  clearTimeout(timer);
  return ms;
}
