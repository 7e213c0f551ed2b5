import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from '../../../src/testing/seeded-random.js';
import { startAttackedRegistry, type AttackedRegistry } from './attacked-registry.js';
import type { LoadAttack } from './load-attack.js';
import { openRawClient, requestText } from './raw-client.js';

const leaseMs = 3_000;
const honestServices = 10;

export const attack: LoadAttack = {
  name: 'everything-at-once',
  what: 'all kinds of hostile load together, beside 200 honest lookups a second and ten services (size: seconds)',
  sizes: { small: 4, full: 600 },
  limits: { wrongLookups: 0, grownMiB: 200 },
  fullLimits: { honestP99Ms: 100, heldMs: 50, grownMiB: 64, lostLeases: 0 },
  async run(seconds) {
    const registry = await startAttackedRegistry();
    const honest = await startHonestServices(registry);
    try {
      await fill(registry);
      const warmUpMs = Math.min(30_000, seconds * 250);
      const until = performance.now() + warmUpMs + seconds * 1_000;
      const hostile = Promise.all(attackers.map((attacker) => repeat(attacker, registry, until)));
      await sleep(warmUpMs);
      const before = await registry.figures();
      let [growth, heldMs] = [0, 0];
      const measured = (async () => {
        while (performance.now() < until) {
          await sleep(Math.min(1_000, seconds * 100));
          const figures = await registry.figures();
          growth = Math.max(growth, figures.rssBytes - before.rssBytes);
          heldMs = Math.max(heldMs, figures.heldMs);
        }
      })();
      const honestP99Ms = await registry.besideLookups('/honest/s0', 200, measured);
      await hostile;
      const { status } = await registry.get('/v1/resolve?name=/honest/s1');
      return {
        ...{ honestP99Ms, heldMs, grownMiB: growth / 2 ** 20 },
        ...{ lostLeases: await honest.end(), wrongLookups: Number(status !== 200) },
      };
    } finally {
      await honest.end();
      await registry.close();
    }
  },
};

interface HonestServices {
  /** @returns how many leases were lost */
  end(): Promise<number>;
}

async function startHonestServices(registry: AttackedRegistry): Promise<HonestServices> {
  const renewals = await Promise.all(
    Array.from({ length: honestServices }, async (_, i) => {
      const endpoint = { name: `/honest/s${String(i)}`, id: 'a', addresses: ['http://127.0.0.1:3001'] };
      const { epoch, secret } = await registry.change('/v1/register', { ...endpoint, leaseMs });
      return { name: endpoint.name, id: 'a', epoch, secret };
    }),
  );
  const state = { hasEnded: false, lostLeases: 0 };
  const renewing = (async () => {
    for (; !state.hasEnded; await sleep(leaseMs / 3)) {
      const { results } = await registry.change('/v1/renew', { renewals });
      state.lostLeases += (results as readonly string[]).filter((result) => result !== 'renewed').length;
    }
  })();
  return {
    async end() {
      state.hasEnded = true;
      await renewing;
      return state.lostLeases;
    },
  };
}

/** Names and endpoints, so that lists and searches have work. */
async function fill(registry: AttackedRegistry): Promise<void> {
  for (let part = 0; part < 5; part++) {
    const lines = Array.from({ length: 1_000 }, (_, i) =>
      JSON.stringify({ kind: 'link', name: `/full/p${String(part)}/n${String(i)}`, target: '/honest/s0' }),
    );
    await registry.change('/v1/import', lines.join('\n'));
  }
  for (let i = 0; i < 100; i++)
    await registry.change('/v1/register', {
      ...{ name: '/full/service', id: `i${String(i)}`, addresses: ['http://127.0.0.1:3001'] },
      ...{ leaseMs: 3_600_000, attributes: { text: 'x'.repeat(4_000) } },
    });
}

/** One step of an attack. A refusal or a closed connection is what an attacker expects. */
type Attacker = (registry: AttackedRegistry, number: number) => Promise<unknown>;

async function repeat(attacker: Attacker, registry: AttackedRegistry, until: number): Promise<void> {
  for (let number = 0; performance.now() < until; number++) {
    await attacker(registry, number).catch(() => undefined);
    // An attacker whose requests fail at once must leave the processor to the others of this process.
    await sleep(1);
  }
}

/** Keeps connections open for a while. */
async function hold(sockets: readonly (Socket | { close(): void })[], ms: number): Promise<void> {
  await sleep(ms);
  for (const socket of sockets)
    if ('close' in socket) socket.close();
    else socket.destroy();
}

function openSockets({ url }: AttackedRegistry, count: number, text: string): readonly Socket[] {
  const { hostname, port } = new URL(url);
  return Array.from({ length: count }, () => {
    const socket = connect(Number(port), hostname).on('error', () => undefined);
    if (text !== '') socket.write(text);
    return socket;
  });
}

const random = seededRandom(1);

const attackers: readonly Attacker[] = [
  (registry, n) => registry.get(`/v1/resolve?name=/absent/n${String(n)}`),
  (registry, n) => registry.get(`/v1/resolve?name=/full/p1/n${String(n % 1_000)}`),
  (registry) => registry.get(`/v1/list?glob=/full/**/${'*n'.repeat(8)}`),
  (registry, n) => registry.get(`/v1/search?glob=/**&text=${'x'.repeat(n % 4_000)}`),
  (registry) => registry.get('/v1/export'),
  (registry) => registry.get('/v1/openapi.json'),
  (registry) => registry.get('/metrics'),
  async (registry, n) => {
    const name = `/left/n${String(n)}`;
    const { epoch, secret } = await registry.change('/v1/register', {
      ...{ name, id: 'x', addresses: ['http://127.0.0.1:1'], leaseMs: 1_000 },
    });
    await registry.post('/v1/withdraw', { name, id: 'x', epoch, secret, now: true });
  },
  (registry, n) =>
    registry.post('/v1/report', {
      clerk: `c${String(n)}`,
      reports: [{ name: '/honest/s0', id: 'a', epoch: 1, verdict: 'unreachable' }],
    }),
  (registry, n) => {
    const [from, to] = n % 2 === 0 ? ['/full/p2', '/full/moved'] : ['/full/moved', '/full/p2'];
    return registry.post('/v1/move', { from, to });
  },
  (registry, n) => registry.post('/v1/launch', { name: `/absent/l${String(n)}` }),
  (registry) => registry.post('/v1/define', '['.repeat(60_000)),
  async (registry) => {
    const watch = requestText('/v1/watch', { globs: ['/full/**', '/honest/*'] });
    const clients = await Promise.all(Array.from({ length: 8 }, () => openRawClient(registry.url)));
    for (const client of clients) client.send(watch);
    await hold(clients, 2_000);
  },
  async (registry) => {
    const lookup = requestText('/v1/resolve?name=/full/service');
    const clients = await Promise.all(Array.from({ length: 16 }, () => openRawClient(registry.url)));
    for (const client of clients) client.send(lookup.repeat(15));
    await hold(clients, 1_000);
  },
  (registry) => hold(openSockets(registry, 200, ''), 2_000),
  (registry) =>
    hold(openSockets(registry, 50, 'GET /v1/resolve?name=/a HTTP/1.1\r\nhost: 127.0.0.1\r\nx: '), 2_000),
  (registry) => {
    const bytes = Buffer.from(Array.from({ length: 200 }, () => Math.floor(random() * 256)));
    return hold(openSockets(registry, 5, bytes.toString('latin1')), 20);
  },
];
