import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Agent, request } from 'undici';
import type { ServerOptions } from '../../../src/server/index.js';
import type { ProcessFigures, ProcessRequest } from './registry-process.js';
import { nodeProgram } from '../../support/compiled-programs.js';

export interface Answer {
  readonly status: number;
  readonly text: string;
}

export interface AttackedRegistry {
  readonly url: string;
  readonly agent: Agent;
  get(path: string): Promise<Answer>;
  /** A text is sent as it is, with the content type of lines. Everything else is sent as JSON. */
  post(path: string, body: unknown): Promise<Answer>;
  /** Like `post`. Throws if the answer is not 200. */
  change(path: string, body: unknown): Promise<any>;
  figures(): Promise<ProcessFigures>;
  /** Looks up `name` at this rate until `attack` has ended. @returns the 99th percentile of the durations, in ms */
  besideLookups(name: string, perSecond: number, attack: Promise<unknown>): Promise<number>;
  close(): Promise<void>;
}

/** Starts a registry in a process of its own, without data folder unless `options` names one. */
export async function startAttackedRegistry(options: ServerOptions = {}): Promise<AttackedRegistry> {
  const { flags, file } = nodeProgram(fileURLToPath(new URL('registry-process.ts', import.meta.url)));
  const child = fork(file, {
    execArgv: ['--expose-gc', ...flags],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const ask = askOf(child);
  const url = (await ask({ ask: 'start', options: { port: 0, ...options } })) as string;
  const agent = new Agent({ connections: 256, headersTimeout: 120_000, bodyTimeout: 120_000 });
  const send = async (
    path: string,
    body?: { readonly type: string; readonly text: string },
  ): Promise<Answer> => {
    const response = await request(url + path, {
      dispatcher: agent,
      method: body === undefined ? 'GET' : 'POST',
      ...(body && { body: body.text, headers: { 'content-type': body.type } }),
    });
    return { status: response.statusCode, text: await response.body.text() };
  };
  const post = (path: string, body: unknown): Promise<Answer> =>
    typeof body === 'string'
      ? send(path, { type: 'application/x-ndjson', text: body })
      : send(path, { type: 'application/json', text: JSON.stringify(body) });
  return {
    url,
    agent,
    get: (path) => send(path),
    post,
    async change(path, body) {
      const { status, text } = await post(path, body);
      if (status !== 200) throw new Error(`${path}: ${String(status)} ${text.slice(0, 500)}`);
      return JSON.parse(text) as unknown;
    },
    figures: () => ask({ ask: 'figures' }) as Promise<ProcessFigures>,
    async besideLookups(name, perSecond, attack) {
      const state = { hasEnded: false };
      void attack.then(noop, noop).then(() => (state.hasEnded = true));
      const durations: number[] = [];
      const open = new Set<Promise<void>>();
      const lookups = new Agent({ connections: 16 });
      const path = `${url}/v1/resolve?name=${encodeURIComponent(name)}`;
      while (!state.hasEnded) {
        const startedAt = performance.now();
        const lookup = request(path, { dispatcher: lookups })
          .then(({ body }) => body.text())
          .then(() => void durations.push(performance.now() - startedAt));
        open.add(lookup.finally(() => open.delete(lookup)));
        await new Promise((resolve) => setTimeout(resolve, 1_000 / perSecond));
      }
      await Promise.all(open);
      await lookups.close();
      await attack;
      durations.sort((a, b) => a - b);
      return durations[Math.floor(durations.length * 0.99)] ?? 0;
    },
    async close() {
      await agent.destroy();
      const exited = once(child, 'exit');
      await ask({ ask: 'close' });
      child.disconnect();
      await exited;
    },
  };
}

function noop(): void {
  // The caller handles the error of the attack.
}

type Question = ProcessRequest extends infer Each ? (Each extends unknown ? Omit<Each, 'id'> : never) : never;

function askOf(child: ChildProcess): (question: Question) => Promise<unknown> {
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  let last = 0;
  child.on('message', ({ id, value, error }: { id: number; value?: unknown; error?: string }) => {
    const { resolve, reject } = waiting.get(id) ?? { resolve: noop, reject: noop };
    waiting.delete(id);
    if (error === undefined) resolve(value);
    else reject(new Error(error));
  });
  child.on('exit', (code, signal) => {
    for (const { reject } of waiting.values())
      reject(new Error(`The registry ended with ${String(signal ?? code)}`));
    waiting.clear();
  });
  return (question) =>
    new Promise((resolve, reject) => {
      const id = ++last;
      waiting.set(id, { resolve, reject });
      child.send({ ...question, id });
    });
}
