/**
 * A process that watches names, changes them, and measures the delay from a change to its watch event: ours with
 * `clerk.watch`, etcd's with the stream of its gateway. Changes are sent to both with the same HTTP client.
 */
import { handleTasks } from '../lib/child-process.js';
import { sleep } from '../lib/clock.js';
import { base64, prefixEnd } from '../lib/etcd.js';
import { sendJson } from '../lib/registry-requests.js';
import { seededRandom } from '../lib/statistics.js';
import { subjectUrl, undici } from '../lib/subject.js';

const prefix = '/bench/';
const names = Array.from({ length: 20 }, (_, i) => `${prefix}service-${i}`);

/** The registration that makes change `number`. */
const registration = (/** @type {number} */ number) => ({
  name: names[number % names.length],
  id: `instance-${number % names.length}`,
  addresses: ['http://10.0.0.1:8080'],
  version: '2.1.0',
  attributes: { change: String(number) },
  leaseMs: 3_600_000,
});

/** Called with the number of each change that the watch delivers. @type {(number: number) => void} */
let onChange = () => undefined;
/** Makes change `number`. @type {(number: number) => Promise<unknown>} */
let change;

const clients = {
  async clerk(origin, subject) {
    const { createClerk } = await import(subjectUrl(subject));
    const client = new undici.Client(origin);
    change = (number) => sendJson(client, '/v1/register', registration(number));
    const clerk = createClerk({ registry: origin });
    void (async () => {
      for await (const { type, endpoints } of clerk.watch(`${prefix}*`))
        if (type === 'put') onChange(Number(endpoints[0]?.attributes.change));
    })();
  },

  async etcd(origin) {
    const client = new undici.Client(origin);
    change = (number) => {
      const value = registration(number);
      return sendJson(client, '/v3/kv/put', {
        key: base64(value.name),
        value: base64(JSON.stringify(value)),
      });
    };
    const { body } = await new undici.Client(origin, { bodyTimeout: 0 }).request({
      path: '/v3/watch',
      method: 'POST',
      body: JSON.stringify({ create_request: { key: base64(prefix), range_end: prefixEnd(prefix) } }),
    });
    void (async () => {
      let rest = '';
      for await (const chunk of body.setEncoding('utf8')) {
        const lines = (rest + chunk).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines)
          for (const { kv } of JSON.parse(line).result.events ?? [])
            onChange(Number(JSON.parse(Buffer.from(kv.value, 'base64').toString()).attributes.change));
      }
    })();
  },
};

handleTasks({
  /** @param {{ client: keyof clients, origin: string, subject?: string, seed: number }} input */
  async prepare({ client, origin, subject, seed }) {
    random = seededRandom(seed);
    await clients[client](origin, subject);
    // The watch is open once it has delivered a change.
    for (let attempt = 0; attempt < 50; attempt++)
      if ((await measureChange(number++, 200)) !== undefined) return;
    throw new Error(`The watch of ${client} must deliver one of 50 changes; got none`);
  },
  /**
   * Makes changes one after another, with pauses of 2 to 6 ms.
   *
   * @param {{ changes: number }} input
   * @returns {Promise<number[]>} ms from sending each change to its watch event
   */
  async run({ changes }) {
    const times = [];
    for (let i = 0; i < changes; i++) {
      const ms = await measureChange(number++, 5_000);
      if (ms === undefined) throw new Error('The watch must deliver a change within 5 s');
      times.push(ms);
      await sleep(2 + 4 * random());
    }
    return times;
  },
});

let number = 0;
let random = Math.random;

/** @returns {Promise<number | undefined>} ms; undefined after the timeout */
async function measureChange(changeNumber, timeoutMs) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const start = performance.now();
  const delivered = new Promise((resolve) => {
    onChange = (other) => other === changeNumber && resolve(performance.now() - start);
    timer = setTimeout(() => resolve(undefined), timeoutMs);
  });
  const [ms] = await Promise.all([delivered, change(changeNumber)]);
  clearTimeout(timer);
  return ms;
}
