/**
 * Reads one answer of a server: its head, and its body within a bound. Encoded bodies are refused, whatever was asked
 * for: what unpacks without a bound cannot be bounded.
 *
 * @see promises C8.3, A8
 */
import { ClerkError } from '../core/errors.js';
import type { RegistryResponse } from './connection.js';

/** Most bytes of an answer: a service with 10,000 endpoints of 200 bytes takes two of these four MiB. */
export const maxRegistryResponseBytes = 4 * 1024 * 1024;

/** The head of an answer, in what matters here. */
export interface ResponseHead {
  readonly status: number;
  readonly revision: string;
  readonly incarnation: string;
  readonly contentType: string;
}

/**
 * Reads a head as undici gives it: names and values in turn.
 *
 * @throws a `ClerkError` `REGISTRY_INVALID` for a body that is encoded
 */
export function readResponseHead(status: number, raw: readonly Buffer[], subject: string): ResponseHead {
  const headers = new Map<string, string>();
  for (let i = 0; i + 1 < raw.length; i += 2)
    headers.set(
      (raw[i] as Buffer).toString('latin1').toLowerCase(),
      (raw[i + 1] as Buffer).toString('latin1'),
    );
  const encoding = headers.get('content-encoding');
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity')
    throw new ClerkError(
      'REGISTRY_INVALID',
      `${subject} was answered in the encoding '${encoding.slice(0, 40)}', which was not asked for; is a proxy in between`,
    );
  return {
    status,
    revision: headers.get('clerk-revision') ?? '',
    incarnation: headers.get('clerk-incarnation') ?? '',
    contentType: headers.get('content-type') ?? '',
  };
}

/** Collects a body. */
export class JsonBodyReader {
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(readonly subject: string) {}

  /** @throws a `ClerkError` `REGISTRY_INVALID` when it gets too long */
  append(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > maxRegistryResponseBytes)
      throw new ClerkError(
        'REGISTRY_INVALID',
        `${this.subject} was answered with more than ${String(maxRegistryResponseBytes)} bytes; ask for less at a time`,
      );
    this.#chunks.push(chunk);
  }

  /** The parsed whole; undefined where it is no JSON. */
  parse(): unknown {
    try {
      return JSON.parse(Buffer.concat(this.#chunks).toString('utf8')) as unknown;
    } catch {
      return undefined;
    }
  }

  toResponse({ status, revision, incarnation }: ResponseHead): RegistryResponse {
    return { status, revision, incarnation, body: this.parse() };
  }
}
