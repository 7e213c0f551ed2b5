/** Requests to registries: as bytes for the load generator, and one at a time for setup. */
import { undici } from './subject.js';

/** Connections of the load generator. */
export const connections = 64;

/**
 * @param {string} path
 * @param {unknown} [body] - sent as JSON with POST; without it the method is GET
 * @param {Record<string, string>} [headers]
 */
export function requestBytes(path, body, headers = {}) {
  const more = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const host = `host: 127.0.0.1\r\n${more.join('')}`;
  if (body === undefined) return Buffer.from(`GET ${path} HTTP/1.1\r\n${host}\r\n`);
  const text = JSON.stringify(body);
  const head = `${host}content-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n`;
  return Buffer.from(`POST ${path} HTTP/1.1\r\n${head}\r\n${text}`);
}

/**
 * Distributes requests over the connections of the load generator, round robin.
 *
 * @template T
 * @param {T[]} requests
 */
export const splitByConnection = (requests) =>
  Array.from({ length: Math.min(connections, requests.length) }, (_, i) =>
    requests.filter((_, at) => at % connections === i),
  );

/**
 * Sends one request and returns the JSON of the response. Throws when the status is not 200.
 *
 * @param {import('undici').Dispatcher} dispatcher
 * @param {string} path
 * @param {unknown} [body]
 */
export async function sendJson(dispatcher, path, body) {
  const isText = typeof body === 'string';
  const { statusCode, body: responseBody } = await dispatcher.request({
    path,
    method: body === undefined ? 'GET' : 'POST',
    ...(body !== undefined && {
      headers: { 'content-type': isText ? 'application/x-ndjson' : 'application/json' },
      body: isText ? body : JSON.stringify(body),
    }),
    headersTimeout: 60_000,
  });
  const text = await responseBody.text();
  if (statusCode !== 200)
    throw new Error(`${path} must respond with 200; got ${statusCode} ${text.slice(0, 300)}`);
  return JSON.parse(text);
}

/**
 * Calls a function for each item, with limited concurrency.
 *
 * @template T
 * @param {Iterable<T>} items
 * @param {number} concurrency
 * @param {(item: T) => Promise<unknown>} act
 */
export async function forEachConcurrently(items, concurrency, act) {
  const remaining = items[Symbol.iterator]();
  const worker = async () => {
    for (let next = remaining.next(); next.done !== true; next = remaining.next()) await act(next.value);
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}

/**
 * Registers endpoints. The server limits the number of endpoints per client address, so each thousand is sent from another
 * loopback address.
 *
 * @param {string} origin
 * @param {object[]} registrations
 */
export async function registerAll(origin, registrations) {
  const perAddress = 1_000;
  for (let from = 0; from < registrations.length; from += perAddress) {
    const localAddress = `127.0.0.${1 + from / perAddress}`;
    const pool = new undici.Pool(origin, { connections: 16, localAddress, pipelining: 1 });
    try {
      const list = registrations.slice(from, from + perAddress);
      await forEachConcurrently(list, connections, (registration) =>
        sendJson(pool, '/v1/register', registration),
      );
    } finally {
      await pool.destroy();
    }
  }
}
