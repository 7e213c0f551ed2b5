/**
 * Reads the headers and the JSON body of a registry server's response. The size of the body is limited. A body with a
 * content encoding is rejected, because the decoded size is unbounded.
 *
 * @see [C8.3](../../docs/guarantees.md#c8-3), [A8](../../docs/guarantees.md#a8)
 */
import { ClerkError } from '../core/errors.js';
import type { RegistryResponse } from './connection.js';

/** Maximum size of a response body, in bytes: twice the size of a lookup result with 10,000 endpoints of 200 bytes. */
export const maxRegistryResponseBytes = 4 * 1024 * 1024;

/** The status of a response, and the values of the headers that the client uses. */
export interface ResponseHead {
  readonly status: number;
  readonly revision: string;
  readonly incarnation: string;
  readonly contentType: string;
}

/**
 * Reads status and headers of a response.
 *
 * @throws {@link ClerkError} `REGISTRY_INVALID` when the body has a content encoding
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
      `${subject} received the content encoding '${encoding.slice(0, 40)}', which the client did not request; check for a proxy before the registry`,
    );
  return {
    status,
    revision: headers.get('clerk-revision') ?? '',
    incarnation: headers.get('clerk-incarnation') ?? '',
    contentType: headers.get('content-type') ?? '',
  };
}

/** Collects the chunks of a JSON body and parses the body. */
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
        `${this.subject} received a response body of more than ${String(maxRegistryResponseBytes)} bytes; request fewer names at a time`,
      );
    this.#chunks.push(chunk);
  }

  /** Returns the parsed body; undefined when the body is not JSON. */
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
