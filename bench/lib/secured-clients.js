/** The measured clients of a secured service. All keep up to 64 connections, with a client certificate. */
import { pinnedPool } from '../peers/pinned-pool.js';
import { readReplica, readText } from './read-response.js';
import { sendJson } from './registry-requests.js';
import { tlsOf } from './secured-registry.js';
import { subjectUrl, undici } from './subject.js';

const connections = 64;
const path = '/orders/7';
const get = { path, method: /** @type {const} */ ('GET') };

/** A hand-written Pool to the service, which does not check tickets at this port. */
const poolOf = (/** @type {import('./secured-registry.js').FleetClient} */ { ports, identity, pin }) =>
  pinnedPool(undici, `https://127.0.0.1:${ports.bare}`, { identity, pin, connections });

async function createClerk(subject, { registry, registryKey, identity, name }) {
  const library = await import(subjectUrl(subject));
  const clerk = library.createClerk({ registry, registryKey, identity });
  return { binding: clerk.bind(name), close: () => clerk.close() };
}

/** Requests a ticket as a client without the library. */
export async function requestTicket({ registry, identity, name }) {
  const pool = new undici.Pool(registry, { connections: 1, connect: tlsOf(identity) });
  try {
    const { ticket } = await sendJson(pool, '/v1/tickets', { service: name });
    return /** @type {string} */ (ticket);
  } finally {
    await pool.destroy();
  }
}

/** @type {Record<string, (origins: string[], subject: string | undefined, secured: any) => import('./clients.js').Client | Promise<import('./clients.js').Client>>} */
export const securedClients = {
  'tls-pool': (_origins, _subject, secured) => {
    const pool = poolOf(secured);
    return { call: () => pool.request(get).then(readText), close: () => pool.close() };
  },
  'tls-pool-header': async (_origins, _subject, secured) => {
    const pool = poolOf(secured);
    const request = { ...get, headers: { 'clerk-ticket': await requestTicket(secured) } };
    return { call: () => pool.request(request).then(readText), close: () => pool.close() };
  },
  'tls-clerk': async (_origins, subject, secured) => {
    const { binding, close } = await createClerk(subject, secured);
    return { call: () => binding.request(get).then(readText), close };
  },
  'tls-pool-json': (_origins, _subject, secured) => {
    const pool = poolOf(secured);
    return { call: () => pool.request(get).then(readReplica), close: () => pool.close() };
  },
  'tls-clerk-json': async (_origins, subject, secured) => {
    const { binding, close } = await createClerk(subject, secured);
    return { call: () => binding.json(path).then(({ replica }) => replica), close };
  },
};
