/** The registry conformance suite over real bundled servers, in memory and on disk. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { startServer, type Server } from 'binding-clerk/server';
import { describe, test } from 'vitest';
import type { EndpointInit } from '../../../src/core/endpoint.js';
import type { Registry, Resolution, Snapshot } from '../../../src/core/registry.js';
import { retryLoop } from '../../../src/runtime/p-retry-loop.js';
import { serverRegistry } from '../../../src/registry/remote/server-registry.js';
import { systemClock } from '../../../src/runtime/system-clock.js';
import { registrySuite } from '../../../src/testing/suites/registry-suite.js';
import type { RegistryContents, RegistryUnderTest } from '../../../src/testing/suites/registry-harness.js';
import { undici } from '../../../src/transport/load-undici.js';
import { httpConnection } from '../../../src/registry-client/http-connection.js';
import type { RegisterRequest, RegisterResponse } from '../../../src/protocol/registration-messages.js';
import { limits } from '../../../src/protocol/limits.js';
import { paths } from '../../../src/protocol/paths.js';
import { freePort } from '../../support/free-port.js';

/** Starts a server; restarts use the same port. */
async function started(data: string | undefined, port: number): Promise<Server> {
  return startServer({ port, ...(data !== undefined && { data }) });
}

/** A server with these contents, and a remote registry over it. */
async function underTest(contents: RegistryContents, data: string | undefined): Promise<RegistryUnderTest> {
  let server = await started(data, await freePort());
  const { port, url } = server;
  const operator = httpConnection(url, { clock: systemClock, tls: {}, undici });
  const send = async (path: string, body: object): Promise<void> => {
    const { status, body: reply } = await operator.request({ path, body }, new AbortController().signal);
    if (status !== 200) throw new Error(`${path}: ${JSON.stringify(reply)}`);
  };
  type Held = Pick<RegisterResponse, 'epoch' | 'secret'>;
  const held = new Map<string, Held>();
  const register = async (body: Omit<RegisterRequest, 'leaseMs'>): Promise<Held> => {
    const request = { path: paths.register, body: { ...body, leaseMs: limits.maxLeaseMs } };
    const reply = await operator.request(request, new AbortController().signal);
    if (reply.status !== 200) throw new Error(JSON.stringify(reply.body));
    const { epoch, secret } = reply.body as Held;
    return { epoch, secret };
  };
  /** Lets the server give all epochs of a name below `epoch`. */
  const skipEpochs = async (name: string, epoch: number): Promise<void> => {
    for (let given = 0; given < epoch - 1;) {
      const filler = await register({ name, id: 'filler', addresses: ['http://127.0.0.1:9'] });
      await send(paths.withdraw, { name, id: 'filler', ...filler, now: true });
      given = filler.epoch;
    }
  };
  const known = new Map<string, readonly EndpointInit[]>();
  const put = async (name: string, endpoints: readonly EndpointInit[]): Promise<void> => {
    if (!known.has(name)) await send(paths.define, { name });
    for (const { id } of known.get(name) ?? [])
      if (!endpoints.some((endpoint) => endpoint.id === id)) {
        await send(paths.withdraw, { name, id, ...held.get(`${name} ${id}`), now: true });
        held.delete(`${name} ${id}`);
      }
    for (const { address, addresses, id = '', epoch, ...more } of endpoints) {
      const before = held.get(`${name} ${id}`);
      if (before === undefined && epoch !== undefined) await skipEpochs(name, epoch);
      const body = { ...more, name, id, addresses: addresses ?? [address], ...before } as RegisterRequest;
      held.set(`${name} ${id}`, await register(body));
      if (epoch === undefined) withoutEpoch.add(id);
    }
    known.set(name, endpoints);
  };
  /** Instances whose epoch was assigned by the server, because the contents have none. */
  const withoutEpoch = new Set<string>();
  const asWritten = <T>(found: T): T => {
    const bound = found as { endpoints?: readonly EndpointInit[] };
    if (bound.endpoints === undefined) return found;
    const endpoints = bound.endpoints.map(({ epoch, ...rest }) =>
      withoutEpoch.has(rest.id ?? '') ? rest : { ...rest, epoch: epoch ?? 0 },
    );
    return { ...found, endpoints };
  };
  for (const [name, endpoints] of Object.entries(contents)) await put(name, endpoints);
  let failing = false;
  const inner = serverRegistry({
    urls: [url],
    clock: systemClock,
    retry: retryLoop,
    connect: (address) => {
      const peer = httpConnection(address, { clock: systemClock, tls: {}, undici });
      return {
        url: peer.url,
        request: async (...args) => {
          if (failing) throw new Error('It cannot be reached');
          return peer.request(...args);
        },
        stream: (...args) => peer.stream(...args),
        close: () => peer.close(),
      };
    },
  });
  const registry: Registry = {
    resolve: async (name, context) => asWritten(await inner.resolve(name, context)),
    list: (glob, context) => inner.list(glob, context),
    search: async (glob, filter, context) =>
      (await inner.search(glob, filter, context)).map((entry) => asWritten(entry)),
    watch: (glob, onSnapshot, onError) =>
      inner.watch(
        glob,
        (snapshot: Snapshot) =>
          onSnapshot(
            new Map(
              [...(snapshot as ReadonlyMap<string, Resolution>)].map(([name, found]) => [
                name,
                asWritten(found),
              ]),
            ),
          ),
        onError,
      ),
  };
  return {
    registry,
    put,
    // Names below are removed too, and restored.
    remove: async (name) => {
      const below = [...known].filter(([other]) => other.startsWith(`${name}/`));
      await send(paths.remove, { name, recursive: true, force: true });
      for (const key of [...held.keys()]) if (/^[^ ]*/.exec(key)?.[0].startsWith(name)) held.delete(key);
      for (const [other] of [...below, [name] as const]) known.delete(other);
      for (const [other, endpoints] of below) await put(other, endpoints);
    },
    // Only a server with a data folder is stopped: one in memory would lose its names.
    fail: async (value) => {
      if (data === undefined) failing = value;
      else if (value) await server.close();
      else server = await started(data, port);
    },
    close: async () => {
      await inner.close();
      await operator.close();
      await server.close();
      if (data !== undefined) await rm(data, { recursive: true, force: true });
    },
  };
}

describe('names in memory', () => {
  const create = (contents: RegistryContents) => underTest(contents, undefined);
  for (const { name, run } of registrySuite({ create, wait: setTimeout })) test(name, run);
});

describe('names on disk', () => {
  const create = async (contents: RegistryContents) =>
    underTest(contents, join(await mkdtemp(join(tmpdir(), 'clerk-names-')), 'data'));
  for (const { name, run } of registrySuite({ create, wait: setTimeout })) test(name, run);
});
