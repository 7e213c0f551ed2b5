import { readFileSync } from 'node:fs';
import { Agent, request } from 'undici';
import { onTestFinished } from 'vitest';
import type { AccessRight } from '../../src/core/access-right.js';
import type { CheckedCredentials, Credentials } from '../../src/core/credentials.js';
import { systemKeys } from '../../src/runtime/system-keys.js';
import {
  initializeRegistry,
  startServer,
  type InitializedRegistry,
  type Server,
  type ServerOptions,
} from '../../src/server/index.js';
import { temporaryPath } from './temporary-path.js';

export interface SecuredResponse {
  readonly status: number;
  readonly text: string;
  readonly json: any;
  readonly headers: Record<string, string | string[] | undefined>;
}

/** A client of a secured registry, with connections of its own. */
export interface SecuredClient {
  readonly credentials: CheckedCredentials | undefined;
  get(path: string): Promise<SecuredResponse>;
  post(path: string, body: unknown): Promise<SecuredResponse>;
  /** Opens a watch, and collects its events until `isComplete` returns true or the stream ends. */
  watch(globs: readonly string[], isComplete: (events: readonly any[]) => boolean): Promise<readonly any[]>;
}

export interface SecuredRegistry {
  readonly server: Server;
  readonly data: string;
  readonly initialized: InitializedRegistry;
  readonly operator: SecuredClient;
  /** A client without a certificate, or with a key that may not be enrolled. */
  client(credentials?: CheckedCredentials): SecuredClient;
  /** Enrols a new key with a token of the operator. */
  enrol(principal: string): Promise<SecuredClient>;
  allow(principal: string, path: string, rights: readonly AccessRight[]): Promise<void>;
}

/** Starts a server with a new data folder that was initialized. */
export async function securedRegistry(options: Partial<ServerOptions> = {}): Promise<SecuredRegistry> {
  const data = temporaryPath('registry');
  const initialized = await initializeRegistry(data);
  const server = await startServer({ port: 0, data, ...options });
  onTestFinished(() => server.close());
  const client = (credentials?: CheckedCredentials): SecuredClient => securedClient(server.url, credentials);
  const operator = client(systemKeys.check(identityIn(initialized.operator)));
  return {
    server,
    data,
    initialized,
    operator,
    client,
    async enrol(principal) {
      const { token } = (await operator.post('/v1/tokens', { principal })).json;
      const enrolled = client(systemKeys.create(principal));
      const { status, text } = await enrolled.post('/v1/enroll', { name: principal, token });
      if (status !== 200) throw new Error(text);
      return enrolled;
    },
    async allow(principal, path, rights) {
      const { status, text } = await operator.post('/v1/acl', { change: 'allow', principal, path, rights });
      if (status !== 200) throw new Error(text);
    },
  };
}

export function identityIn(path: string): Credentials & { readonly registryKey: readonly string[] } {
  return JSON.parse(readFileSync(path, 'utf8')) as ReturnType<typeof identityIn>;
}

function securedClient(url: string, credentials: CheckedCredentials | undefined): SecuredClient {
  const key = credentials && { key: credentials.key, cert: credentials.cert };
  const dispatcher = new Agent({ connect: { ...key, rejectUnauthorized: false } });
  onTestFinished(() => dispatcher.destroy());
  const send = async (path: string, body?: unknown): Promise<SecuredResponse> => {
    const response = await request(url + path, {
      dispatcher,
      ...(body !== undefined && {
        method: 'POST' as const,
        headers: { 'content-type': typeof body === 'string' ? 'application/x-ndjson' : 'application/json' },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    });
    const text = await response.body.text();
    const isJson = response.headers['content-type'] === 'application/json';
    return {
      status: response.statusCode,
      text,
      json: isJson ? JSON.parse(text) : undefined,
      headers: response.headers,
    };
  };
  return {
    credentials,
    get: (path) => send(path),
    post: (path, body) => send(path, body),
    async watch(globs, isComplete) {
      const { body, statusCode } = await request(`${url}/v1/watch`, {
        dispatcher,
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ globs }),
      });
      if (statusCode !== 200) throw new Error(await body.text());
      let text = '';
      let events: readonly any[] = [];
      for await (const chunk of body) {
        text += String(chunk);
        events = [...text.matchAll(/^data: (.*)\n\n/gm)].map((match) => JSON.parse(match[1] as string));
        if (isComplete(events)) break;
      }
      return events;
    },
  };
}
