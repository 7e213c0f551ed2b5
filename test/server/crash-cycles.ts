import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Agent, request } from 'undici';
import { seededRandom } from 'binding-clerk/testing';
import { nodeArguments } from '../support/compiled-programs.js';

/** Counts of acknowledged changes, and the violations found. */
export interface CrashReport {
  cycles: number;
  registered: number;
  withdrawn: number;
  pairs: number;
  /** Requests in flight when the server was killed, and how many of those had been applied. */
  interrupted: number;
  interruptedAndDone: number;
  readonly lost: string[];
  readonly resurrected: string[];
  readonly partial: string[];
  readonly other: string[];
}

export interface CrashOptions {
  readonly folder: string;
  readonly cycles: number;
  readonly seed: number;
  readonly writers?: number;
  /** Maximum of acknowledged changes before a server is killed. */
  readonly maxWrites?: number;
  readonly onCycle?: (report: CrashReport) => void;
}

type RecordState = 'present' | 'absent' | 'unknown';

/** Registered endpoints of one writer. All writers share an address, which may have 1,000. */
const maxLive = 40;

interface ServerProcess {
  readonly child: ChildProcess;
  /** Opens the data folder; resolves with the address of the server. */
  start(): Promise<string>;
}

/**
 * Kills a server with SIGKILL again and again during writes. After each restart it checks that no acknowledged change
 * is lost, no withdrawn endpoint is back, and no import is partly applied.
 *
 * @see [C5.1](../../docs/guarantees.md#c5-1)
 */
export async function runCrashCycles(options: CrashOptions): Promise<CrashReport> {
  const { folder, cycles, seed, writers = 8, maxWrites = 60, onCycle } = options;
  const random = seededRandom(seed);
  const program = nodeArguments(fileURLToPath(new URL('programs/serve.ts', import.meta.url)));
  const report: CrashReport = {
    cycles: 0,
    registered: 0,
    withdrawn: 0,
    pairs: 0,
    interrupted: 0,
    interruptedAndDone: 0,
    lost: [],
    resurrected: [],
    partial: [],
    other: [],
  };
  // Endpoints by id, pairs by number.
  const endpoints = new Map<
    string,
    { readonly writer: number; epoch: number; secret: string; state: RecordState }
  >();
  const pairs = new Map<number, RecordState>();
  const live = Array.from({ length: writers }, () => new Set<string>());
  let lastNumber = 0;
  let revision = 0n;
  let incarnation: string | undefined;
  const children: ChildProcess[] = [];

  const load = (): Promise<ServerProcess> => {
    const child = spawn(process.execPath, [...program, folder], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    children.push(child);
    child.stdin?.on('error', () => undefined);
    let errors = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (errors += text));
    const lines: string[] = [];
    let onLine = (): void => undefined;
    let partialLine = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      partialLine += text;
      lines.push(...partialLine.split('\n').slice(0, -1));
      partialLine = partialLine.slice(partialLine.lastIndexOf('\n') + 1);
      onLine();
    });
    const line = (): Promise<string> =>
      new Promise((resolve, reject) => {
        onLine = () => {
          const next = lines.shift();
          if (next !== undefined) resolve(next);
        };
        child.once('close', (code, signal) =>
          reject(new Error(`The server ended with ${code ?? signal}: ${errors}`)),
        );
        onLine();
      });
    return line().then(() => ({
      child,
      start: () => {
        child.stdin?.write('start\n');
        return line();
      },
    }));
  };

  /** Compares the state after a restart with the acknowledged changes, and settles the unknown ones. */
  const verify = async (url: string, agent: Agent): Promise<void> => {
    const get = async (path: string) => {
      const { body, headers } = await request(url + path, { dispatcher: agent });
      return { text: await body.text(), headers };
    };
    const found = new Set<string>();
    for (let writer = 0; writer < writers; writer++) {
      const { text } = await get(`/v1/resolve?name=/kill/w${writer}`);
      const reply = JSON.parse(text) as { endpoints?: { id: string; epoch: number }[] };
      for (const { id, epoch } of reply.endpoints ?? []) {
        found.add(id);
        const record = endpoints.get(id);
        if (record === undefined) report.other.push(`${id} was never registered`);
        else if (record.epoch < 0) record.epoch = epoch;
        else if (record.epoch !== epoch) report.other.push(`${id} has epoch ${epoch}, not ${record.epoch}`);
      }
    }
    for (const [id, record] of endpoints) {
      const isPresent = found.has(id);
      if (record.state === 'present' && !isPresent) report.lost.push(id);
      if (record.state === 'absent' && isPresent) report.resurrected.push(id);
      if (record.state === 'unknown') {
        record.state = isPresent ? 'present' : 'absent';
        report.interruptedAndDone += Number(isPresent);
      }
      // Only the response to a registration contains the secret, which a withdrawal needs.
      if (isPresent && record.secret !== '') live[record.writer]?.add(id);
      else live[record.writer]?.delete(id);
    }
    const { text, headers } = await get('/v1/export');
    const names = new Set(
      text
        .trimEnd()
        .split('\n')
        .filter(Boolean)
        .map((line) => (JSON.parse(line) as { name: string }).name),
    );
    for (const [number, known] of pairs) {
      const left = names.has(`/pairs/p${number}/left`);
      const right = names.has(`/pairs/p${number}/right`);
      if (left !== right) report.partial.push(`pair ${number}`);
      if (known === 'present' && !left) report.lost.push(`pair ${number}`);
      if (known === 'unknown') {
        pairs.set(number, left ? 'present' : 'absent');
        report.interruptedAndDone += Number(left);
      }
      if (known === 'absent' && left) report.resurrected.push(`pair ${number}`);
    }
    const now = BigInt(String(headers['clerk-revision']));
    if (now < revision) report.other.push(`the revision went back from ${revision} to ${now}`);
    incarnation ??= String(headers['clerk-incarnation']);
    if (headers['clerk-incarnation'] !== incarnation) report.other.push('the incarnation has changed');
  };

  const write = async (
    writer: number,
    url: string,
    agent: Agent,
    isStopped: () => boolean,
  ): Promise<void> => {
    const mine = live[writer] as Set<string>;
    const name = `/kill/w${writer}`;
    const post = async (path: string, body: string, type = 'application/json') => {
      const { statusCode, body: responseBody } = await request(url + path, {
        method: 'POST',
        dispatcher: agent,
        headers: { 'content-type': type },
        body,
      });
      const text = await responseBody.text();
      // Four imports can be in progress at a time.
      if (statusCode === 429) {
        await new Promise((resolve) => setTimeout(resolve, 2));
        return post(path, body, type);
      }
      if (statusCode !== 200) throw new Error(`${path} returned ${statusCode}: ${text}`);
      const response = JSON.parse(text) as { epoch?: number; secret?: string; revision: string };
      if (BigInt(response.revision) > revision) revision = BigInt(response.revision);
      return response;
    };
    while (!isStopped()) {
      const draw = random();
      try {
        if (draw < 0.2) {
          const number = ++lastNumber;
          pairs.set(number, 'unknown');
          const lines = ['left', 'right'].map((side) =>
            JSON.stringify({ kind: 'link', name: `/pairs/p${number}/${side}`, target: '/kill/w0' }),
          );
          await post('/v1/import', lines.join('\n'), 'application/x-ndjson');
          pairs.set(number, 'present');
          report.pairs += 1;
        } else if (mine.size >= maxLive || (mine.size > 0 && draw < 0.6)) {
          const id = [...mine][Math.floor(random() * mine.size)] as string;
          const record = endpoints.get(id) as { epoch: number; secret: string; state: RecordState };
          mine.delete(id);
          record.state = 'unknown';
          await post(
            '/v1/withdraw',
            JSON.stringify({ name, id, epoch: record.epoch, secret: record.secret, now: true }),
          );
          record.state = 'absent';
          report.withdrawn += 1;
        } else {
          const id = `w${writer}-${++lastNumber}`;
          const record = { writer, epoch: -1, secret: '', state: 'unknown' as RecordState };
          endpoints.set(id, record);
          const { epoch = -1, secret = '' } = await post(
            '/v1/register',
            JSON.stringify({ name, id, addresses: ['http://127.0.0.1:3001'], leaseMs: 604_800_000 }),
          );
          record.epoch = epoch;
          record.secret = secret;
          record.state = 'present';
          mine.add(id);
          report.registered += 1;
        }
      } catch (error) {
        if (!isStopped()) report.other.push(String(error));
        else report.interrupted += 1;
        return;
      }
    }
  };

  try {
    let next = load();
    for (let cycle = 0; cycle <= cycles; cycle++) {
      const server = await next;
      // The next process loads its modules while this one serves writes.
      if (cycle < cycles) next = load();
      next.catch(() => undefined);
      const url = await server.start();
      const agent = new Agent({ connections: writers });
      await verify(url, agent);
      if (cycle === cycles) {
        // The last server is stopped normally.
        await agent.close();
        const ended = once(server.child, 'close');
        server.child.kill('SIGTERM');
        const [code] = (await ended) as [number | null];
        if (code !== 0) report.other.push(`the last server ended with ${code}`);
        break;
      }
      let isStopped = false;
      const writing = Array.from({ length: writers }, (_, writer) =>
        write(writer, url, agent, () => isStopped),
      );
      const acknowledged = (): number => report.registered + report.withdrawn + report.pairs;
      const killAfter = acknowledged() + 1 + Math.floor(random() * maxWrites);
      for (let turns = 0; acknowledged() < killAfter && turns < 2_000; turns++)
        await new Promise((resolve) => setTimeout(resolve, 1));
      await new Promise((resolve) => setTimeout(resolve, random() * 3));
      isStopped = true;
      const ended = once(server.child, 'close');
      server.child.kill('SIGKILL');
      await Promise.all([ended, ...writing]);
      await agent.destroy();
      report.cycles += 1;
      onCycle?.(report);
    }
  } finally {
    for (const child of children) child.kill('SIGKILL');
  }
  return report;
}
