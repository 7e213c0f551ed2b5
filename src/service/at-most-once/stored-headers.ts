/**
 * The headers of an answer as they are kept: without those that belong to one connection or one moment. Written by the
 * same calls as a response's own.
 */
import { responseHeaders } from '../../protocol/call-headers.js';

/** Belong to one connection (RFC 9110, 7.6.1), or to the moment of the answer. */
const notStored = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'date',
  responseHeaders.load,
  responseHeaders.idempotency,
  responseHeaders.notExecuted,
]);

/** A header's value as programs write it. */
export type HeaderValue = string | number | readonly string[] | undefined;

/** See the file's header. */
export class StoredHeaders {
  readonly #values = new Map<string, string[]>();

  set(name: string, value: HeaderValue): void {
    if (value === undefined) this.remove(name);
    else this.#values.set(name.toLowerCase(), toStrings(value));
  }

  append(name: string, value: HeaderValue): void {
    const before = this.#values.get(name.toLowerCase()) ?? [];
    if (value !== undefined) this.#values.set(name.toLowerCase(), [...before, ...toStrings(value)]);
  }

  remove(name: string): void {
    this.#values.delete(name.toLowerCase());
  }

  /** Headers as `writeHead` takes them: an object, a flat list, or a list of pairs. Each replaces what was there. */
  assign(given: unknown): void {
    if (typeof given !== 'object' || given === null) return;
    const pairs = toPairs(given);
    for (const [name] of pairs) this.remove(name);
    for (const [name, value] of pairs) this.append(name, value);
  }

  /** Those that are kept. */
  entries(): readonly (readonly [string, string])[] {
    const named = new Set(
      (this.#values.get('connection') ?? []).flatMap((value) =>
        value.split(',').map((name) => name.trim().toLowerCase()),
      ),
    );
    return [...this.#values].flatMap(([name, values]) =>
      notStored.has(name) || named.has(name) || name.startsWith(':')
        ? []
        : values.map((value) => [name, value] as const),
    );
  }
}

function toStrings(value: Exclude<HeaderValue, undefined>): string[] {
  return typeof value === 'object' ? value.map(String) : [String(value)];
}

function toPairs(given: object): (readonly [string, HeaderValue])[] {
  if (!Array.isArray(given)) return Object.entries(given) as [string, HeaderValue][];
  const list = given as readonly unknown[];
  if (Array.isArray(list[0])) return list as (readonly [string, HeaderValue])[];
  return list.flatMap((name, i) =>
    i % 2 === 0 ? [[String(name), list[i + 1] as HeaderValue] as const] : [],
  );
}
