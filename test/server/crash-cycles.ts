/**
 * Kills a server with SIGKILL over and over while writers write, and looks after each restart whether it has lost
 * anything it acknowledged, brought back what was withdrawn, or made half of something that belongs together.
 *
 * @see promises C5.1
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'undici';
import { seededRandom } from 'binding-clerk/testing';
import { transpile } from './transpile.js';

/** What was done and what was found wrong. */
export interface CrashReport {
  cycles: number;
  registered: number;
  withdrawn: number;
  pairs: number;
  /** Requests that were under way when the server was killed, and of those how many were found done. */
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
  /** Most acknowledgements that a server lives for. */
  readonly maxWrites?: number;
  readonly onCycle?: (report: CrashReport) => void;
}

type RecordState = 'there' | 'gone' | 'unknown';

/** Live endpoints of one writer; all of them come from one address, which may have 1,000. */
const maxLive = 40;

interface ServerProcess {
  readonly child: ChildProcess;
  /** Has it open the data; resolves with its address. */
  start(): Promise<string>;
}

export async function runCrashCycles(options: CrashOptions): Promise<CrashReport> {
  const { folder, cycles, seed, writers = 8, maxWrites = 60, onCycle } = options;
  const random = seededRandom(seed);
  const program = transpile('test/server/programs/serve.ts');
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
  /** Endpoints by id, with their writer and epoch; pairs by number. */
  const endpoints = new Map<string, { readonly writer: number; epoch: number; known: RecordState }>();
  const pairs = new Map<number, RecordState>();
  const live = Array.from({ length: writers }, () => new Set<string>());
  let numbered = 0;
  let revision = 0n;
  let incarnation: string | undefined;
  const all: ChildProcess[] = [];

  const load = (): Promise<ServerProcess> => {
    const child = spawn(process.execPath, [program.path, folder], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    all.push(child);
    child.stdin?.on('error', () => undefined);
    let errors = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (errors += text));
    const lines: string[] = [];
    let heard = (): void => undefined;
    let told = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      told += text;
      lines.push(...told.split('\n').slice(0, -1));
      told = told.slice(told.lastIndexOf('\n') + 1);
      heard();
    });
    const line = (): Promise<string> =>
      new Promise((resolve, reject) => {
        heard = () => {
          const next = lines.shift();
          if (next !== undefined) resolve(next);
        };
        child.once('close', (code, signal) =>
          reject(new Error(`The server ended with ${code ?? signal}: ${errors}`)),
        );
        heard();
      });
    return line().then(() => ({
      child,
      start: () => {
        child.stdin?.write('begin\n');
        return line();
      },
    }));
  };

  /** After a restart: what is there is compared with what was acknowledged, and what was unknown is known. */
  const look = async (url: string, agent: Agent): Promise<void> => {
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
      const isThere = found.has(id);
      if (record.known === 'there' && !isThere) report.lost.push(id);
      if (record.known === 'gone' && isThere) report.resurrected.push(id);
      if (record.known === 'unknown') {
        record.known = isThere ? 'there' : 'gone';
        report.interruptedAndDone += Number(isThere);
      }
      if (isThere) live[record.writer]?.add(id);
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
      if (known === 'there' && !left) report.lost.push(`pair ${number}`);
      if (known === 'unknown') {
        pairs.set(number, left ? 'there' : 'gone');
        report.interruptedAndDone += Number(left);
      }
      if (known === 'gone' && left) report.resurrected.push(`pair ${number}`);
    }
    const now = BigInt(String(headers['clerk-revision']));
    if (now < revision) report.other.push(`revision went back from ${revision} to ${now}`);
    incarnation ??= String(headers['clerk-incarnation']);
    if (headers['clerk-incarnation'] !== incarnation) report.other.push('the incarnation is another');
  };

  const write = async (writer: number, url: string, agent: Agent, isOver: () => boolean): Promise<void> => {
    const mine = live[writer] as Set<string>;
    const name = `/kill/w${writer}`;
    const post = async (path: string, body: string, type = 'application/json') => {
      const { statusCode, body: reply } = await request(url + path, {
        method: 'POST',
        dispatcher: agent,
        headers: { 'content-type': type },
        body,
      });
      const text = await reply.text();
      if (statusCode !== 200) throw new Error(`${path} was answered with ${statusCode}: ${text}`);
      const told = JSON.parse(text) as { epoch?: number; revision: string };
      if (BigInt(told.revision) > revision) revision = BigInt(told.revision);
      return told;
    };
    while (!isOver()) {
      const dice = random();
      try {
        if (dice < 0.2) {
          const number = ++numbered;
          pairs.set(number, 'unknown');
          const lines = ['left', 'right'].map((side) =>
            JSON.stringify({ kind: 'link', name: `/pairs/p${number}/${side}`, target: '/kill/w0' }),
          );
          await post('/v1/import', lines.join('\n'), 'application/x-ndjson');
          pairs.set(number, 'there');
          report.pairs += 1;
        } else if (mine.size >= maxLive || (mine.size > 0 && dice < 0.6)) {
          const id = [...mine][Math.floor(random() * mine.size)] as string;
          const record = endpoints.get(id) as { epoch: number; known: RecordState };
          mine.delete(id);
          record.known = 'unknown';
          await post('/v1/withdraw', JSON.stringify({ name, id, epoch: record.epoch, now: true }));
          record.known = 'gone';
          report.withdrawn += 1;
        } else {
          const id = `w${writer}-${++numbered}`;
          const record = { writer, epoch: -1, known: 'unknown' as RecordState };
          endpoints.set(id, record);
          const { epoch = -1 } = await post(
            '/v1/register',
            JSON.stringify({ name, id, addresses: ['http://127.0.0.1:3001'], leaseMs: 604_800_000 }),
          );
          record.epoch = epoch;
          record.known = 'there';
          mine.add(id);
          report.registered += 1;
        }
      } catch (error) {
        if (!isOver()) report.other.push(String(error));
        else report.interrupted += 1;
        return;
      }
    }
  };

  try {
    let next = load();
    for (let cycle = 0; cycle <= cycles; cycle++) {
      const life = await next;
      // The one after this loads while this one is written to.
      if (cycle < cycles) next = load();
      next.catch(() => undefined);
      const url = await life.start();
      const agent = new Agent({ connections: writers });
      await look(url, agent);
      if (cycle === cycles) {
        // The last one ends in good order.
        await agent.close();
        const ended = once(life.child, 'close');
        life.child.kill('SIGTERM');
        const [code] = (await ended) as [number | null];
        if (code !== 0) report.other.push(`the last server ended with ${code}`);
        break;
      }
      let isOver = false;
      const writing = Array.from({ length: writers }, (_, writer) => write(writer, url, agent, () => isOver));
      const acknowledged = (): number => report.registered + report.withdrawn + report.pairs;
      const enough = acknowledged() + 1 + Math.floor(random() * maxWrites);
      for (let turns = 0; acknowledged() < enough && turns < 2_000; turns++)
        await new Promise((resolve) => setTimeout(resolve, 1));
      await new Promise((resolve) => setTimeout(resolve, random() * 3));
      isOver = true;
      const ended = once(life.child, 'close');
      life.child.kill('SIGKILL');
      await Promise.all([ended, ...writing]);
      await agent.destroy();
      report.cycles += 1;
      onCycle?.(report);
    }
  } finally {
    for (const child of all) child.kill('SIGKILL');
    program.remove();
  }
  return report;
}
