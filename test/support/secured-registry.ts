import { createServer } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { randomBytes } from 'node:crypto';
import type { AccessRight } from '../../src/core/access-right.js';
import type { CheckedCredentials } from '../../src/core/credentials.js';
import { ClerkError } from '../../src/core/errors.js';
import type { KeyPin } from '../../src/core/key-pin.js';
import { encodeError, httpStatusOf } from '../../src/protocol/error-codec.js';
import { paths } from '../../src/protocol/paths.js';
import type { RegistryResponse } from '../../src/registry-client/connection.js';
import { systemClock } from '../../src/runtime/system-clock.js';
import { systemKeys } from '../../src/runtime/system-keys.js';
import { TicketIssuer } from '../../src/tickets/ticket-issuer.js';
import { endpointMessage, FakeRegistry } from './fake-registry.js';

export interface SecuredRequest {
  readonly path: string;
  readonly pin: KeyPin | undefined;
  readonly body: any;
}

/**
 * A {@link FakeRegistry} behind TLS 1.3 that knows its clients by their keys, and issues tickets. It checks no rights:
 * an enrolled key may do everything.
 */
export interface SecuredRegistry {
  readonly url: string;
  readonly credentials: CheckedCredentials;
  /** Names, endpoints and watches. */
  readonly fake: FakeRegistry;
  /** Principals by the pins of their keys. */
  readonly principals: Map<KeyPin, string>;
  /** Received requests, including refused requests. */
  readonly requests: SecuredRequest[];
  /** One-time tokens and the principals that they enrol. */
  readonly tokens: Map<string, string>;
  rights: readonly AccessRight[];
  ticketLifeMs: number;
  /** Thrown for each request for a ticket. */
  ticketError: ClerkError | undefined;
  /** Adds an endpoint with the key of the credentials. */
  put(name: string, id: string, address: string, credentials: CheckedCredentials): void;
  /** Closes all connections, and refuses new connections. */
  close(): Promise<void>;
}

export async function securedRegistry(
  credentials: CheckedCredentials = systemKeys.create('/registry'),
): Promise<SecuredRegistry> {
  const fake = new FakeRegistry(systemClock);
  const inner = fake.connection('fake:');
  const issuer = new TicketIssuer(credentials, {
    wallNow: () => Date.now(),
    randomHex: (bytes) => randomBytes(bytes).toString('hex'),
  });
  const sockets = new Set<TLSSocket>();
  const { key, cert } = credentials;
  const server = createServer({
    ...{ key, cert, minVersion: 'TLSv1.3', requestCert: true, rejectUnauthorized: false },
  });
  server.on('secureConnection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).once('close', () => sockets.delete(socket));
  });
  const registry: Omit<SecuredRegistry, 'url'> = {
    credentials,
    fake,
    principals: new Map(),
    requests: [],
    tokens: new Map(),
    rights: ['call', 'read', 'test'],
    ticketLifeMs: 300_000,
    ticketError: undefined,
    put(name, id, address, own) {
      const present = [...(fake.services.get(name)?.values() ?? [])].map(({ endpoint }) => endpoint);
      const key = { key: own.pin, cert: certOf(own.cert) };
      const added = { ...endpointMessage(id), epoch: 1, addresses: [address], ...key };
      fake.putEndpoints(name, [...present.filter((one) => one.id !== id), added]);
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };

  const issueTicket = async (service: string, pin: KeyPin, principal: string): Promise<unknown> => {
    if (registry.ticketError !== undefined) throw registry.ticketError;
    const endpoints = [...(fake.services.get(service)?.values() ?? [])].map(({ endpoint }) => endpoint);
    const { incarnation } = fake;
    const issued = await issuer.issue(
      { principal, clientPin: pin, service, rights: registry.rights, incarnation },
      registry.ticketLifeMs,
    );
    const instances = endpoints.map(({ id, epoch, key: instanceKey, formerKey, cert: instanceCert }) => ({
      ...{ id, epoch, key: instanceKey },
      ...(formerKey !== undefined && { formerKey }),
      ...(instanceCert !== undefined && { cert: instanceCert }),
    }));
    return { ...issued, service, instances };
  };

  const enrol = (body: any, pin: KeyPin): unknown => {
    const known = registry.principals.get(pin);
    if (known !== body.name) {
      if (registry.tokens.get(body.token) !== body.name)
        throw new ClerkError('TICKET_REFUSED', 'The token is not valid');
      registry.tokens.delete(body.token);
      registry.principals.set(pin, body.name);
    }
    return { name: body.name, key: pin, registryKeys: [credentials.pin] };
  };

  const respond = async (path: string, pin: KeyPin | undefined, payload: any): Promise<unknown> => {
    if (path === paths.enroll && pin !== undefined) return enrol(payload, pin);
    const principal = pin === undefined ? undefined : registry.principals.get(pin);
    if (pin === undefined || principal === undefined)
      throw new ClerkError('IDENTITY_INVALID', 'The key of the client is not enrolled');
    if (path === paths.tickets) return issueTicket(payload.service, pin, principal);
    return undefined;
  };

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname: path, searchParams } = new URL(request.url ?? '/', 'https://registry');
    const socket = request.socket as unknown as Pick<TLSSocket, 'getPeerX509Certificate'>;
    const certificate = socket.getPeerX509Certificate();
    const pin = certificate && systemKeys.pinOf(certificate.raw);
    let text = '';
    for await (const chunk of request) text += String(chunk);
    const body: any = request.method === 'POST' ? JSON.parse(text) : undefined;
    const query = body === undefined ? Object.fromEntries(searchParams) : undefined;
    registry.requests.push({ path, pin, body: body ?? query });
    const signal = new AbortController().signal;
    try {
      const own = await respond(path, pin, body ?? query);
      if (own !== undefined) send(response, { status: 200, body: own });
      else if (path === paths.watch) openStream(response, body);
      else {
        const result = await inner.request({ path, body, ...(query && { query }) }, signal);
        if (path === paths.register && certificate) {
          const registered = fake.services.get(body.name)?.get(body.id);
          const cert = certificate.raw.toString('base64');
          if (registered) Object.assign(registered, { endpoint: { ...registered.endpoint, key: pin, cert } });
        }
        send(response, result);
      }
    } catch (error) {
      const { code } = error as ClerkError;
      send(response, { status: httpStatusOf(code), body: encodeError(error as ClerkError) });
    }
  };

  const openStream = (response: ServerResponse, body: object): void => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const stop = inner.stream(
      { path: paths.watch, body },
      {
        onActivity: () => undefined,
        onEvent: ({ type, id, data }) =>
          response.write(`event: ${type}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`),
        onEnd: () => response.destroy(),
      },
    );
    response.once('close', stop);
  };

  server.on('request', (request, response) => void handle(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(registry, { url: `https://127.0.0.1:${String(port)}` });
}

function send(response: ServerResponse, { status, body, ...meta }: Partial<RegistryResponse>): void {
  response.writeHead(status ?? 200, {
    'content-type': 'application/json',
    ...(meta.revision !== undefined && { 'clerk-revision': meta.revision }),
    ...(meta.incarnation !== undefined && { 'clerk-incarnation': meta.incarnation }),
  });
  response.end(JSON.stringify(body));
}

function certOf(pem: string): string {
  return pem.replace(/-----[^-]+-----|\s/g, '');
}
