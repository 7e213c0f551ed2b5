/** TLS records of real hops, sent again, changed, reordered, spliced and cut by a man in the middle. */
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Credentials } from '../../../src/core/credentials.js';
import { service, type AttackedFleet } from '../attacked-fleet.js';
import { inParallel, type AttemptCounts } from './attempt-counts.js';
import { startRecordingProxy, type Recording, type RecordingProxy } from './recording-proxy.js';

type Random = () => number;
const below = (random: Random, count: number): number => Math.floor(random() * count);
const pick = <T>(random: Random, items: readonly T[]): T => items[below(random, items.length)] as T;

/** One hop of the fleet, with requests whose execution can be seen. */
export interface Hop {
  readonly name: 'client–registry' | 'client–service' | 'service–registry';
  readonly port: number;
  readonly credentials: Credentials;
  /** Returns a request in HTTP/1.1 that has an effect with this id. */
  request(id: string): string;
  /** Ids of the effects that requests have had, with their number. */
  effects(): Promise<ReadonlyMap<string, number>>;
}

const post = (path: string, body: object): string => {
  const text = JSON.stringify(body);
  return `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: ${String(text.length)}\r\n\r\n${text}`;
};

export async function hopsOf(fleet: AttackedFleet): Promise<readonly Hop[]> {
  const ticket = await fleet.ticketOf(fleet.web);
  return [
    {
      ...{
        name: 'client–registry',
        port: fleet.port,
        credentials: fleet.operator.credentials as Credentials,
      },
      request: (id) => post('/v1/define', { name: `/effects/${id}` }),
      async effects() {
        const { text } = await fleet.operator.get('/v1/export');
        return new Map([...text.matchAll(/"name":"\/effects\/([^"]+)"/g)].map(([, id]) => [id as string, 1]));
      },
    },
    {
      ...{
        name: 'client–service',
        port: fleet.servicePort,
        credentials: fleet.web.credentials as Credentials,
      },
      request: (id) => `GET /effects/${id} HTTP/1.1\r\nhost: 127.0.0.1\r\nclerk-ticket: ${ticket}\r\n\r\n`,
      effects: async () =>
        new Map([...fleet.executedPaths].map(([path, count]) => [path.replace('/effects/', ''), count])),
    },
    {
      ...{ name: 'service–registry', port: fleet.port, credentials: fleet.orders.credentials as Credentials },
      request: (id) =>
        post('/v1/register', { name: service, id, addresses: ['https://127.0.0.1:9'], leaseMs: 3_600_000 }),
      async effects() {
        const { json } = await fleet.operator.get(`/v1/resolve?name=${service}`);
        return new Map((json.endpoints as { id: string }[]).map(({ id }) => [id, 1]));
      },
    },
  ];
}

interface Exchange {
  readonly statuses: readonly number[];
}

/** Sends requests over a new connection, each in a TLS record of its own, and returns the statuses of the responses. */
function exchange(
  port: number,
  { key, cert }: Credentials,
  requests: readonly string[],
  onConnected: (clientPort: number) => void = () => undefined,
): Promise<Exchange> {
  return new Promise((resolve) => {
    let text = '';
    const statuses = (): number[] =>
      [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status));
    const socket = connectTls({ port, host: '127.0.0.1', key, cert, rejectUnauthorized: false });
    // The server sends a session after it has received the last record of the handshake.
    socket.once('session', () =>
      setImmediate(() => {
        onConnected(socket.localPort ?? 0);
        for (const request of requests) socket.write(request);
      }),
    );
    socket.setNoDelay(true);
    // Without a record that the proxy has kept, both sides may wait for ever.
    socket.setTimeout(5_000, () => socket.destroy());
    socket.on('data', (bytes: Buffer) => {
      text += String(bytes);
      if (statuses().length >= requests.length) socket.end();
    });
    socket.on('error', () => undefined).on('close', () => resolve({ statuses: statuses() }));
  });
}

/** Sends recorded records to a server, and closes. */
function sendRecords(port: number, records: readonly Buffer[]): Promise<void> {
  return new Promise((resolve) => {
    const socket = connectTcp(port, '127.0.0.1', () => {
      for (const record of records) socket.write(record);
      socket.end();
    });
    socket.setTimeout(1_000, () => socket.destroy());
    socket
      .on('data', () => undefined)
      .on('error', () => undefined)
      .on('close', () => resolve());
  });
}

const flip = (record: Buffer, random: Random, from = 5): Buffer => {
  const changed = Buffer.from(record);
  const at = from + below(random, changed.length - from);
  changed.writeUInt8(changed.readUInt8(at) ^ (1 << below(random, 8)), at);
  return changed;
};

const shuffled = (records: readonly Buffer[], random: Random): Buffer[] => {
  const copy = [...records];
  for (let i = copy.length - 1; i > 0; i--) {
    const j = below(random, i + 1);
    [copy[i], copy[j]] = [copy[j] as Buffer, copy[i] as Buffer];
  }
  return copy;
};

type Replay = (own: Recording, other: Recording, random: Random) => readonly Buffer[];

/** Each is sent over a connection of its own. */
const replays: Readonly<Record<string, Replay>> = {
  replayed: ({ request }) => request,
  truncated: ({ request }, _, random) => request.slice(0, 1 + below(random, request.length - 1)),
  reordered: ({ request }, _, random) => [request[0] as Buffer, ...shuffled(request.slice(1), random)],
  spliced: ({ request }, { request: other }, random) => {
    const at = 1 + below(random, Math.min(request.length, other.length) - 1);
    return [...request.slice(0, at), ...other.slice(at)];
  },
  'bit flipped': ({ request }, _, random) => {
    const at = below(random, request.length);
    return request.map((record, index) => (index === at ? flip(record, random, 0) : record));
  },
  'without the handshake': ({ request }) => request.slice(-2),
};

/** The hops as they were recorded, with the ids of their requests. */
export interface RecordedHop {
  readonly hop: Hop;
  readonly recordings: readonly Recording[];
}

/** Records requests of each hop. Each is executed once, through the proxy. */
export async function recordHops(hops: readonly Hop[], perHop: number): Promise<RecordedHop[]> {
  const recorded: RecordedHop[] = [];
  for (const hop of hops) {
    const proxy = await startRecordingProxy(hop.port);
    for (let i = 0; i < perHop; i++) {
      const { statuses } = await exchange(proxy.port, hop.credentials, [
        hop.request(`honest-${hop.name.length}-${String(i)}`),
      ]);
      if (statuses[0] !== 200)
        throw new Error(`A recorded request of ${hop.name} was refused: ${String(statuses)}`);
    }
    await proxy.close();
    recorded.push({ hop, recordings: [...proxy.recordings] });
  }
  return recorded;
}

async function allEffects(hops: readonly Hop[]): Promise<string> {
  const effects = await Promise.all(hops.map(async (hop) => [...(await hop.effects())].sort()));
  return JSON.stringify(effects);
}

/** Sends recorded connections to the same server and to the other servers. None has an effect. */
export async function replayRecordings(
  recorded: readonly RecordedHop[],
  count: number,
  {
    random,
    counts,
    when,
  }: { readonly random: Random; readonly counts: AttemptCounts; readonly when: string },
): Promise<void> {
  const hops = recorded.map(({ hop }) => hop);
  const ports = [...new Set(hops.map(({ port }) => port))];
  const kinds = Object.entries(replays);
  for (const [kind, replay] of kinds) {
    const before = await allEffects(hops);
    const done = new Map<string, number>();
    await inParallel(Math.ceil(count / kinds.length), 16, async (number) => {
      const { hop, recordings } = recorded[number % recorded.length] as RecordedHop;
      const other = pick(random, pick(random, recorded).recordings);
      const port = number % 4 === 3 ? pick(random, ports) : hop.port;
      await sendRecords(port, replay(pick(random, recordings), other, random));
      const where = port === hop.port ? '' : ', at another server';
      const name = `records ${kind}${where}, ${hop.name}, ${when}`;
      done.set(name, (done.get(name) ?? 0) + 1);
    });
    // The kinds run one after another, so an effect belongs to its kind.
    const isAccepted = (await allEffects(hops)) !== before;
    for (const [name, attempts] of done) for (let i = 0; i < attempts; i++) counts.add(name, isAccepted);
  }
}

type LiveTamper = (
  record: Buffer,
  context: { readonly random: Random; readonly old: Buffer; held: Buffer | undefined },
) => readonly Buffer[];

/** Changes to the records of a live connection; the first of two requests is affected. */
const liveTampers: Readonly<Record<string, LiveTamper>> = {
  'bit flipped': (record, { random }) => [flip(record, random)],
  'header flipped': (record, { random }) => {
    const changed = Buffer.from(record);
    changed.writeUInt8(changed.readUInt8(0) ^ (1 << below(random, 8)), 0);
    return [changed];
  },
  truncated: (record, { random }) => {
    const cut = Buffer.from(record.subarray(0, 6 + below(random, record.length - 6)));
    cut.writeUInt16BE(cut.length - 5, 3);
    return [cut];
  },
  'left out': () => [],
  'replaced by a record of another connection': (_, { old }) => [old],
  'preceded by a record of another connection': (record, { old }) => [old, record],
  duplicated: (record) => [record, record],
  swapped: () => [],
};

/** Changes records of live connections of honest clients. Returns ids of requests that had an effect too often. */
export async function tamperLiveRecords(
  recorded: readonly RecordedHop[],
  count: number,
  {
    random,
    counts,
    when,
  }: { readonly random: Random; readonly counts: AttemptCounts; readonly when: string },
): Promise<void> {
  const kinds = Object.entries(liveTampers);
  let serial = 0;
  for (const { hop, recordings } of recorded) {
    const proxy: RecordingProxy = await startRecordingProxy(hop.port);
    const attempts: { readonly kind: string; readonly ids: readonly [string, string] }[] = [];
    await inParallel(Math.ceil(count / recorded.length), 16, async (number) => {
      const [kind, tamper] = kinds[number % kinds.length] as (typeof kinds)[number];
      const name = `live-${when.length}-${String(serial++)}`;
      const ids = [`${name}-a`, `${name}-b`] as const;
      const old = pick(random, pick(random, recordings).request.slice(-2));
      const context = { random, old, held: undefined as Buffer | undefined };
      await exchange(
        proxy.port,
        hop.credentials,
        ids.map((id) => hop.request(id)),
        (clientPort) => {
          proxy.arm(clientPort, (direction, at, record) => {
            if (direction === 'response' || at > 1) return [record];
            if (kind === 'swapped') {
              if (at === 0) context.held = record;
              return at === 0 ? [] : [record, context.held as Buffer];
            }
            return at === 0 ? tamper(record, context) : [record];
          });
        },
      );
      attempts.push({ kind, ids });
    });
    await proxy.close();
    const effects = await hop.effects();
    for (const { kind, ids } of attempts) {
      const [first = 0, second = 0] = ids.map((id) => effects.get(id) ?? 0);
      // The record itself arrives unchanged once, and only then counts.
      const allowed = kind === 'duplicated' ? 1 : 0;
      counts.add(`live records ${kind}, ${hop.name}, ${when}`, first > allowed || second > 0);
    }
  }
}

/** Without changes, both requests of a live connection have their effect. */
export async function isTransparent(recorded: readonly RecordedHop[]): Promise<boolean> {
  for (const { hop } of recorded) {
    const proxy = await startRecordingProxy(hop.port);
    const ids = ['control-a', 'control-b'];
    await exchange(
      proxy.port,
      hop.credentials,
      ids.map((id) => hop.request(id)),
      (clientPort) => proxy.arm(clientPort, (_direction, _at, record) => [record]),
    );
    await proxy.close();
    const effects = await hop.effects();
    if (!ids.every((id) => effects.get(id) === 1)) return false;
  }
  return true;
}
