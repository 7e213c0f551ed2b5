import { responseHeaders } from '../../protocol/call-headers.js';

/** Headers that are not stored, because they concern one connection (RFC 9110, section 7.6.1) or one point in time. */
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

export type HeaderValue = string | number | readonly string[] | undefined;

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

  /** Replaces headers. Accepts the forms of `writeHead`: an object, a flat list, or a list of pairs. */
  assign(headers: unknown): void {
    if (typeof headers !== 'object' || headers === null) return;
    const pairs = toPairs(headers);
    for (const [name] of pairs) this.remove(name);
    for (const [name, value] of pairs) this.append(name, value);
  }

  /** Returns the headers to store. Omits headers of the connection and HTTP/2 pseudo-headers. */
  entries(): readonly (readonly [string, string])[] {
    const connectionHeaders = new Set(
      (this.#values.get('connection') ?? []).flatMap((value) =>
        value.split(',').map((name) => name.trim().toLowerCase()),
      ),
    );
    return [...this.#values].flatMap(([name, values]) =>
      notStored.has(name) || connectionHeaders.has(name) || name.startsWith(':')
        ? []
        : values.map((value) => [name, value] as const),
    );
  }
}

function toStrings(value: Exclude<HeaderValue, undefined>): string[] {
  return typeof value === 'object' ? value.map(String) : [String(value)];
}

function toPairs(headers: object): (readonly [string, HeaderValue])[] {
  if (!Array.isArray(headers)) return Object.entries(headers) as [string, HeaderValue][];
  const list = headers as readonly unknown[];
  if (Array.isArray(list[0])) return list as (readonly [string, HeaderValue])[];
  return list.flatMap((name, i) =>
    i % 2 === 0 ? [[String(name), list[i + 1] as HeaderValue] as const] : [],
  );
}
