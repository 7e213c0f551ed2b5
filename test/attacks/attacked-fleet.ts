/**
 * The honest side of the attacks: a secured registry, the service `/shop/orders` that accepts only tickets, and principals
 * with keys. All connections are real TLS connections over loopback.
 */
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createSecureServer, type Http2SecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { Agent, request } from 'undici';
import type { AccessRight } from '../../src/core/access-right.js';
import type { CheckedCredentials, Credentials } from '../../src/core/credentials.js';
import { openIdentity, type Identity } from '../../src/identity/index.js';
import { systemClock } from '../../src/runtime/system-clock.js';
import { systemKeys } from '../../src/runtime/system-keys.js';
import { initializeRegistry, startServer, type Server } from '../../src/server/index.js';
import { KnownRegistries } from '../../src/service/known-registries.js';
import { authenticateHandler } from '../../src/service/authenticate/authenticate-handler.js';
import type { TicketPolicy } from '../../src/service/authenticate/ticket-policy.js';
import type { ObservedWorld, Refusal } from './attack.js';
import { ticketPolicyOf } from './ticket-policies.js';

export const service = '/shop/orders';

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly json: any;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** A principal, or a client without an enrolled key, with one kept connection to each server. */
export interface Party {
  readonly credentials: CheckedCredentials | undefined;
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  /** A text is sent as it is, everything else as JSON. */
  post(path: string, body: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  /** Calls the service with the given value of the header `clerk-ticket`. */
  call(ticket: string | undefined, headers?: Readonly<Record<string, string>>): Promise<Answer>;
}

export interface AttackedFleet extends ObservedWorld {
  readonly url: string;
  readonly port: number;
  readonly registryPin: string;
  /** The key of the registry, with which only a rogue registry signs what it wants. */
  readonly registryKey: CheckedCredentials;
  readonly servicePort: number;
  /** How often the handler of the service has run. */
  readonly executions: number;
  /** How often the handler of the service has run for each path. */
  readonly executedPaths: ReadonlyMap<string, number>;
  /** What the service has heard of its registry. */
  readonly knownRegistries: KnownRegistries;
  /** Added to all clocks of the registry and of the service, in ms. */
  shiftMs: number;
  readonly operator: Party;
  /** The service `/shop/orders`. */
  readonly orders: Party;
  /** May call the service. */
  readonly web: Party;
  /** An enrolled principal without rights. */
  readonly rogue: Party;
  /** A client without a certificate. */
  readonly anonymous: Party;
  /** A client with a key, which need not be enrolled. */
  party(credentials: Credentials | undefined): Party;
  token(principal: string, ttlMs?: number): Promise<string>;
  enrol(principal: string): Promise<Party>;
  allow(principal: string, path: string, ...rights: AccessRight[]): Promise<void>;
  ticketOf(party: Party): Promise<string>;
  /** The call of `web` that the service must serve. It does not count as an effect of an attack. */
  callHonestly(ticket: string): Promise<void>;
  countHonestCall(): void;
  /** The registry loses its connections, and nothing of its data. */
  restartRegistry(): Promise<void>;
  /** The service loses its connections and its memory. */
  restartService(): Promise<void>;
  close(): Promise<void>;
}

export async function startAttackedFleet(): Promise<AttackedFleet> {
  const folder = mkdtempSync(join(tmpdir(), 'binding-clerk-attacks-'));
  const data = join(folder, 'data');
  const { registryKey: registryPin, operator: operatorFile } = await initializeRegistry(data);
  const read = (file: string): CheckedCredentials =>
    systemKeys.check(pick(JSON.parse(readFileSync(file, 'utf8')) as Credentials));
  const state = { shiftMs: 0, executions: 0, honestCalls: 0 };
  const executedPaths = new Map<string, number>();
  const knownRegistries = new KnownRegistries();
  const clock = {
    now: () => systemClock.now() + state.shiftMs,
    wallNow: () => systemClock.wallNow() + state.shiftMs,
  };
  const open = (port: number): Promise<Server> =>
    startServer({ port, data, runtime: { wallNow: clock.wallNow } });
  let registry = await open(0);
  const { port, url } = registry;
  const orders = systemKeys.create(service);
  const identity = await openIdentity(async () => pick(orders));
  const sockets = new Set<TLSSocket>();
  const openService = async (at: number): Promise<Http2SecureServer> => {
    const policy = ticketPolicyOf(service, registryPin, clock, knownRegistries);
    const opened = serviceOf(identity, policy, clock, (path) => {
      state.executions++;
      executedPaths.set(path, (executedPaths.get(path) ?? 0) + 1);
    });
    opened.on('secureConnection', (socket: TLSSocket) => {
      sockets.add(socket);
      socket.on('error', () => undefined).once('close', () => sockets.delete(socket));
    });
    opened.listen(at, '127.0.0.1');
    await once(opened, 'listening');
    return opened;
  };
  let server = await openService(0);
  const closeService = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  const servicePort = (server.address() as AddressInfo).port;

  const agents: Agent[] = [];
  const party = (credentials: Credentials | undefined): Party => {
    const key = credentials && { key: credentials.key, cert: credentials.cert };
    const agent = new Agent({ connections: 1, connect: { ...key, rejectUnauthorized: false } });
    agents.push(agent);
    return partyOf(agent, credentials as CheckedCredentials | undefined, url, servicePort);
  };
  const operator = party(read(operatorFile));
  const token = async (principal: string, ttlMs?: number): Promise<string> =>
    done(await operator.post('/v1/tokens', { principal, ...(ttlMs !== undefined && { ttlMs }) })).token;
  const enrolKey = async (credentials: CheckedCredentials): Promise<Party> => {
    const enrolled = party(credentials);
    const { name } = credentials;
    done(await enrolled.post('/v1/enroll', { name, token: await token(name) }));
    return enrolled;
  };
  const enrol = (principal: string): Promise<Party> => enrolKey(systemKeys.create(principal));
  const allow = async (principal: string, path: string, ...rights: AccessRight[]): Promise<void> => {
    done(await operator.post('/v1/acl', { change: 'allow', principal, path, rights }));
  };

  const parties = {
    operator,
    orders: await enrolKey(orders),
    web: await enrol('/shop/web'),
    rogue: await enrol('/rogue/client'),
    anonymous: party(undefined),
  };
  await allow('/shop/web', service, 'call');
  done(
    await parties.orders.post('/v1/register', {
      ...{ name: service, id: 'a', addresses: [`https://127.0.0.1:${String(servicePort)}`] },
      leaseMs: 3_600_000,
    }),
  );

  return Object.defineProperties(
    {
      ...{
        url,
        port,
        registryPin,
        servicePort,
        executedPaths,
        knownRegistries,
        ...parties,
        party,
        token,
        enrol,
        allow,
      },
      registryKey: read(join(data, 'registry.identity')),
      ticketOf: async (client: Party) => done(await client.post('/v1/tickets', { service })).ticket as string,
      countHonestCall() {
        state.honestCalls++;
      },
      async callHonestly(ticket: string) {
        const answer = await parties.web.call(ticket);
        if (answer.status !== 200) throw new Error(answer.text);
        state.honestCalls++;
      },
      async snapshot() {
        const seen = await Promise.all([
          operator.get('/v1/export'),
          operator.get('/v1/identities'),
          operator.get('/v1/acl'),
          operator.get(`/v1/resolve?name=${service}`),
        ]);
        const texts = seen.map((answer) => {
          if (answer.status !== 200) throw new Error(answer.text);
          return answer.text.replaceAll(
            /,"lastUsedAt":"[^"]*"|,"(ttlMs|revision)":"?[0-9.]+"?|,"mark":"[^"]*"/g,
            '',
          );
        });
        return [...texts, `executions ${String(state.executions - state.honestCalls)}`].join('\n');
      },
      async restartService() {
        await closeService();
        server = await openService(servicePort);
      },
      async restartRegistry() {
        await registry.close();
        registry = await open(port);
      },
      async close() {
        for (const agent of agents) await agent.destroy();
        await closeService();
        await registry.close();
        rmSync(folder, { recursive: true, force: true });
      },
    },
    {
      shiftMs: { get: () => state.shiftMs, set: (ms: number) => (state.shiftMs = ms) },
      executions: { get: () => state.executions },
    },
  ) as unknown as AttackedFleet;
}

function pick({ name, key, cert }: Credentials): Credentials {
  return { name, key, cert };
}

function serviceOf(
  identity: Identity,
  policy: TicketPolicy,
  clock: { now(): number; wallNow(): number },
  onExecution: (path: string) => void,
): Http2SecureServer {
  const handler = authenticateHandler(
    (request: any, response: any) => {
      onExecution(request.url as string);
      response.end('executed');
    },
    {
      ...{ clock, keys: systemKeys, logger: { error: () => undefined } },
      policy,
    },
  );
  return createSecureServer({ ...identity.tls(), allowHTTP1: true }, handler as never);
}

function partyOf(
  dispatcher: Agent,
  credentials: CheckedCredentials | undefined,
  url: string,
  servicePort: number,
): Party {
  const send = async (
    target: string,
    headers: Readonly<Record<string, string>>,
    body?: string,
  ): Promise<Answer> => {
    const response = await request(target, {
      ...{ dispatcher, headers, method: body === undefined ? 'GET' : 'POST' },
      ...(body !== undefined && { body }),
    });
    const text = await response.body.text();
    const isJson = response.headers['content-type'] === 'application/json';
    const json: unknown = isJson ? JSON.parse(text) : undefined;
    return { status: response.statusCode, text, json, headers: response.headers };
  };
  return {
    credentials,
    get: (path, headers = {}) => send(url + path, headers),
    post: (path, body, headers) =>
      send(
        url + path,
        { 'content-type': 'application/json', ...headers },
        typeof body === 'string' ? body : JSON.stringify(body),
      ),
    call: (ticket, headers) =>
      send(`https://127.0.0.1:${String(servicePort)}/`, {
        ...(ticket !== undefined && { 'clerk-ticket': ticket }),
        ...headers,
      }),
  };
}

/** @throws when the request was refused */
export function done({ status, text, json }: Answer): any {
  if (status === 200) return json;
  throw new Error(`${String(status)} ${text}`);
}

export function refusal({ status, json, text, headers }: Answer): Refusal {
  if (status === 200) return { as: 'accepted', because: text };
  const notExecuted = headers['clerk-not-executed'] === '1' ? ', not executed' : '';
  const { code = 'no code', message = text } = json?.error ?? {};
  return { as: `${String(status)} ${String(code)}${notExecuted}`, because: String(message) };
}
