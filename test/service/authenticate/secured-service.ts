/** A service over TLS with a handler that `authenticate` has wrapped, and clients with keys. */
import { once } from 'node:events';
import { connect as connectHttp2, createSecureServer, type ClientHttp2Session } from 'node:http2';
import { Agent, createServer, request as requestHttps } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { onTestFinished } from 'vitest';
import type { CheckedCredentials } from '../../../src/core/credentials.js';
import { systemHashing } from '../../../src/runtime/hashing.js';
import { systemKeys } from '../../../src/runtime/system-keys.js';
import { authenticateHandler } from '../../../src/service/authenticate/authenticate-handler.js';
import {
  createTicketPolicy,
  type AuthenticateOptions,
} from '../../../src/service/authenticate/ticket-policy.js';
import { KnownRegistries } from '../../../src/service/known-registries.js';
import { TicketIssuer, type TicketGrant } from '../../../src/tickets/ticket-issuer.js';
import { ManualClock } from '../../support/manual-clock.js';

export const registry = systemKeys.create('/registry');
export const orders = systemKeys.create('/shop/orders');
export const web = systemKeys.create('/shop/web');

export const clock = new ManualClock();
export const knownRegistries = new KnownRegistries();

const issuer = new TicketIssuer(registry, { wallNow: () => clock.wallNow(), ...systemHashing });

/** A ticket of `web` for `/shop/orders`. */
export async function ticket(grant: Partial<TicketGrant> = {}, from = issuer): Promise<string> {
  const issued = await from.issue({
    principal: web.name,
    clientPin: web.pin,
    service: '/shop/orders',
    rights: ['call', 'read'],
    incarnation: 'i1',
    ...grant,
  });
  return issued.ticket;
}

export const errors: string[] = [];

/** Wraps a handler; the default options are those of the service `/shop/orders`. */
export function authenticated(
  handler: (...args: any[]) => unknown,
  options: AuthenticateOptions = { registryKey: registry.pin, service: '/shop/orders' },
  openIdentity: (source: any) => Promise<any> = () => Promise.reject(new Error('not expected')),
): { readonly handler: (...args: any[]) => unknown; verifications: number } {
  const runtime = { clock, keys: systemKeys, env: {}, openIdentity, knownRegistries };
  const policy = createTicketPolicy(options, runtime);
  const wrapped = {
    verifications: 0,
    handler: authenticateHandler(handler, {
      policy: {
        get version() {
          return policy.version;
        },
        verify: (text, pin) => {
          wrapped.verifications++;
          return policy.verify(text, pin);
        },
      },
      clock,
      keys: systemKeys,
      logger: { error: (message) => errors.push(message) },
    }),
  };
  return wrapped;
}

export const tlsOptions = {
  key: orders.key,
  cert: orders.cert,
  minVersion: 'TLSv1.3',
  requestCert: true,
  rejectUnauthorized: false,
} as const;

/** Returns the port. */
export async function listen(server: Server): Promise<number> {
  const sockets = new Set<TLSSocket>();
  server.on('secureConnection', (socket: TLSSocket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

export const serveHttp1 = (handler: (...args: any[]) => unknown): Promise<number> =>
  listen(createServer(tlsOptions, handler));

export const serveHttp2 = (handler: (...args: any[]) => unknown): Promise<number> =>
  listen(createSecureServer(tlsOptions, handler));

export interface Answer {
  readonly status: number;
  readonly notExecuted: string | undefined;
  readonly body: string;
}

const clientTls = { minVersion: 'TLSv1.3', rejectUnauthorized: false } as const;

/** A client with one connection of HTTP/1.1. Without credentials, the client shows no certificate. */
export function http1Client(port: number, credentials: CheckedCredentials | undefined = web) {
  const agent = new Agent({
    ...clientTls,
    keepAlive: true,
    maxSockets: 1,
    ...(credentials && { key: credentials.key, cert: credentials.cert }),
  });
  onTestFinished(() => agent.destroy());
  return async (headers: Record<string, string>, body?: string): Promise<Answer> => {
    const request = requestHttps({
      agent,
      host: '127.0.0.1',
      port,
      headers,
      method: body === undefined ? 'GET' : 'POST',
    });
    request.end(body);
    const [response] = await once(request, 'response');
    return {
      status: response.statusCode,
      notExecuted: response.headers['clerk-not-executed'],
      body: Buffer.concat(await response.toArray()).toString(),
    };
  };
}

export function http2Client(port: number, { key, cert }: CheckedCredentials = web) {
  const session: ClientHttp2Session = connectHttp2(`https://127.0.0.1:${String(port)}`, {
    ...clientTls,
    key,
    cert,
  });
  session.on('error', () => undefined);
  onTestFinished(() => session.destroy());
  return async (headers: Record<string, string>): Promise<Answer> => {
    const stream = session.request({ ':path': '/', ...headers });
    const [head] = await once(stream, 'response');
    return {
      status: head[':status'],
      notExecuted: head['clerk-not-executed'],
      body: Buffer.concat(await stream.toArray()).toString(),
    };
  };
}
