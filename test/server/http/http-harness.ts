import { connect, type Socket } from 'node:net';
import { Agent, request, type Dispatcher } from 'undici';
import { onTestFinished } from 'vitest';
import { Metrics } from '../../../src/server/http/metrics.js';
import {
  startHttpServer,
  type HttpServerOptions,
  type RunningHttpServer,
} from '../../../src/server/http/http-server.js';
import { systemHashing } from '../../../src/runtime/hashing.js';
import { systemClock } from '../../../src/runtime/system-clock.js';
import { FakeNameService } from './fake-name-service.js';

/** An HTTP server over a fake name service, on a real socket, for one test. */
export interface HttpHarness {
  readonly names: FakeNameService;
  readonly http: RunningHttpServer;
  readonly url: string;
  /** Messages that were logged as errors. */
  readonly errors: string[];
  /** Messages that were logged as warnings. */
  readonly warnings: string[];
  get(path: string, headers?: Record<string, string>): Promise<HarnessResponse>;
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<HarnessResponse>;
  /** Sends raw bytes and collects the response until the connection ends or `until` matches. */
  raw(bytes: string | Buffer, until?: RegExp): Promise<string>;
  socket(): Socket;
}

export interface HarnessResponse {
  readonly status: number;
  readonly headers: Dispatcher.ResponseData['headers'];
  readonly text: string;
  readonly json: any;
}

export const runtime = { ...systemClock, ...systemHashing };

export async function startHarness(options: Partial<HttpServerOptions> = {}): Promise<HttpHarness> {
  const names = new FakeNameService();
  const errors: string[] = [];
  const warnings: string[] = [];
  const log = (): void => undefined;
  const metrics = new Metrics(runtime);
  const http = await startHttpServer({
    names,
    launcher: undefined,
    runtime,
    metrics,
    logger: {
      debug: log,
      info: log,
      warn: (text) => void warnings.push(text),
      error: (text) => void errors.push(text),
    },
    host: '127.0.0.1',
    port: 0,
    allowedHosts: [],
    maxWatches: 64,
    maxConnections: 4_096,
    masks: { ipv4PrefixLength: 32, ipv6PrefixLength: 64 },
    ...options,
  });
  const agent = new Agent();
  onTestFinished(async () => {
    await agent.destroy();
    await http.close();
    metrics.close();
  });
  const url = `http://127.0.0.1:${http.port}`;
  const send = async (
    path: string,
    sent: Omit<Dispatcher.RequestOptions, 'path' | 'method'> & { method: 'GET' | 'POST' },
  ): Promise<HarnessResponse> => {
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
    warnings,
    get: (path, headers = {}) => send(path, { method: 'GET', headers }),
    post: (path, body, headers = {}) =>
      send(path, {
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
