/**
 * Reads the response of a registry server: its headers, and a JSON body of limited size. Encoded bodies are
 * rejected because their decoded size is unbounded.
 *
 * @see [C8.3](../../docs/guarantees.md#c8-3), [A8](../../docs/guarantees.md#a8)
 */
import { ClerkError } from '../core/errors.js';
import type { RegistryResponse } from './connection.js';

/** Maximum size of a response, in bytes: twice that of a service with 10,000 endpoints of 200 bytes. */
export const maxRegistryResponseBytes = 4 * 1024 * 1024;

/** The response headers that matter here. */
export interface ResponseHead {
  readonly status: number;
  readonly revision: string;
  readonly incarnation: string;
  readonly contentType: string;
}

/**
 * Reads headers in undici's raw form, names and values in turn.
 *
 * @throws {@link ClerkError} `REGISTRY_INVALID` when the body is encoded
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
      `${subject} got the content encoding '${encoding.slice(0, 40)}', which was not requested; check for a proxy in between`,
    );
  return {
    status,
    revision: headers.get('clerk-revision') ?? '',
    incarnation: headers.get('clerk-incarnation') ?? '',
    contentType: headers.get('content-type') ?? '',
  };
}

/** Collects a JSON body. */
export class JsonBodyReader {
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(readonly subject: string) {}

  /** @throws {@link ClerkError} `REGISTRY_INVALID` when the body exceeds {@link maxRegistryResponseBytes} */
  append(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > maxRegistryResponseBytes)
      throw new ClerkError(
        'REGISTRY_INVALID',
        `${this.subject} got more than ${String(maxRegistryResponseBytes)} bytes; request less at a time`,
      );
    this.#chunks.push(chunk);
  }

  /** Parses the body; undefined when it is not JSON. */
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
