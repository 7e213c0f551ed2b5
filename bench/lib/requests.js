/** Requests to the servers of the rows: as bytes for the load, and one at a time for all that is not measured. */
import { undici } from './subject.js';

/** Connections of every load. */
export const connections = 64;

/**
 * @param {string} path
 * @param {unknown} [body] - sent as JSON; without it the request is a GET
 */
export function requestBytes(path, body) {
  const host = 'host: 127.0.0.1\r\n';
  if (body === undefined) return Buffer.from(`GET ${path} HTTP/1.1\r\n${host}\r\n`);
  const text = JSON.stringify(body);
  const head = `${host}content-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n`;
  return Buffer.from(`POST ${path} HTTP/1.1\r\n${head}\r\n${text}`);
}

/**
 * Deals requests out to the connections of a load.
 *
 * @template T
 * @param {T[]} requests
 */
export const dealt = (requests) =>
  Array.from({ length: Math.min(connections, requests.length) }, (_, i) =>
    requests.filter((_, at) => at % connections === i),
  );

/**
 * Sends one message and gives the answer; throws what the server refuses with.
 *
 * @param {import('undici').Dispatcher} dispatcher
 * @param {string} path
 * @param {unknown} [body]
 */
export async function say(dispatcher, path, body) {
  const isText = typeof body === 'string';
  const { statusCode, body: answer } = await dispatcher.request({
    path,
    method: body === undefined ? 'GET' : 'POST',
    ...(body !== undefined && {
      headers: { 'content-type': isText ? 'application/x-ndjson' : 'application/json' },
      body: isText ? body : JSON.stringify(body),
    }),
    headersTimeout: 60_000,
  });
  const text = await answer.text();
  if (statusCode !== 200) throw new Error(`${path}: ${statusCode} ${text.slice(0, 300)}`);
  return JSON.parse(text);
}

/**
 * Does something for each item, so many at a time.
 *
 * @template T
 * @param {Iterable<T>} items
 * @param {number} most
 * @param {(item: T) => Promise<unknown>} act
 */
export async function forAll(items, most, act) {
  const left = items[Symbol.iterator]();
  const worker = async () => {
    for (let next = left.next(); next.done !== true; next = left.next()) await act(next.value);
  };
  await Promise.all(Array.from({ length: most }, worker));
}

/**
 * Registers endpoints. A server takes a bounded number of them from one address, so each thousand comes from another
 * address of the loopback network.
 *
 * @param {string} origin
 * @param {object[]} registrations
 */
export async function register(origin, registrations) {
  const perAddress = 1_000;
  for (let from = 0; from < registrations.length; from += perAddress) {
    const localAddress = `127.0.0.${1 + from / perAddress}`;
    const pool = new undici.Pool(origin, { connections: 16, localAddress, pipelining: 1 });
    try {
      const list = registrations.slice(from, from + perAddress);
      await forAll(list, connections, (registration) => say(pool, '/v1/register', registration));
    } finally {
      await pool.destroy();
    }
  }
}
