/** The interface over fake names, on a real socket, for one test. */
import { connect, type Socket } from 'node:net';
import { Agent, request, type Dispatcher } from 'undici';
import { onTestFinished } from 'vitest';
import { Metrics } from '../../../src/server/http/metrics.js';
import { openHttp, type HttpOptions, type OpenHttp } from '../../../src/server/http/server.js';
import { systemHashing } from '../../../src/runtime/hashing.js';
import { systemClock } from '../../../src/runtime/system.js';
import { FakeNames } from './fake-names.js';

export interface Opened {
  readonly names: FakeNames;
  readonly http: OpenHttp;
  readonly url: string;
  /** What was logged as an error. */
  readonly errors: string[];
  get(path: string, headers?: Record<string, string>): Promise<Told>;
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Told>;
  /** Sends bytes as they are, and collects what comes back until the connection ends or `until` fits. */
  raw(bytes: string | Buffer, until?: RegExp): Promise<string>;
  socket(): Socket;
}

export interface Told {
  readonly status: number;
  readonly headers: Dispatcher.ResponseData['headers'];
  readonly text: string;
  readonly json: any;
}

export const runtime = { ...systemClock, ...systemHashing };

export async function opened(options: Partial<HttpOptions> = {}): Promise<Opened> {
  const names = new FakeNames();
  const errors: string[] = [];
  const log = (): void => undefined;
  const metrics = new Metrics(runtime);
  const http = await openHttp({
    names,
    launcher: undefined,
    runtime,
    metrics,
    logger: { debug: log, info: log, warn: log, error: (text) => void errors.push(text) },
    host: '127.0.0.1',
    port: 0,
    allowedHosts: [],
    heartbeatMs: 5_000,
    ...options,
  });
  const agent = new Agent();
  onTestFinished(async () => {
    await agent.destroy();
    await http.close();
    metrics.close();
  });
  const url = `http://127.0.0.1:${http.port}`;
  const ask = async (
    path: string,
    sent: Omit<Dispatcher.RequestOptions, 'path' | 'method'> & { method: 'GET' | 'POST' },
  ): Promise<Told> => {
    const { statusCode, headers, body } = await request(url + path, { dispatcher: agent, ...sent });
    const text = await body.text();
    const type = String(headers['content-type'] ?? '');
    return {
      status: statusCode,
      headers,
      text,
      json: type.startsWith('application/json') ? JSON.parse(text) : undefined,
    };
  };
  return {
    names,
    http,
    url,
    errors,
    get: (path, headers = {}) => ask(path, { method: 'GET', headers }),
    post: (path, body, headers = {}) =>
      ask(path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body),
      }),
    socket: () => connect(http.port, '127.0.0.1'),
    raw: (bytes, until) =>
      new Promise((resolve, reject) => {
        const socket = connect(http.port, '127.0.0.1', () => socket.write(bytes));
        let text = '';
        socket.setEncoding('latin1').on('data', (piece: string) => {
          text += piece;
          if (until?.test(text) === true) socket.destroy();
        });
        socket.once('close', () => resolve(text));
        socket.once('error', (error) => (text === '' ? reject(error) : resolve(text)));
      }),
  };
}
