import { ClerkError } from '../core/errors.js';
import { parseJson } from '../core/parse-json.js';
import { decodeError } from '../protocol/error-codec.js';
import { positionHeader } from '../protocol/position.js';
import { registryKeysHeader } from '../protocol/registry-keys.js';
import { serversHeader } from '../protocol/registry-servers.js';
import type { RegistryConnection, RegistryResponse } from './connection.js';

/** Maximum size of a response: twice the size of a lookup result with 10,000 endpoints of 200 bytes each. */
export const maxRegistryResponseBytes = 4 * 1024 * 1024;

export interface ResponseHead {
  readonly status: number;
  readonly revision: string;
  readonly incarnation: string;
  readonly position: string;
  /** Response header `clerk-servers`, or empty. */
  readonly servers: string;
  readonly contentType: string;
  /** Response header `clerk-registry-keys`, or empty. */
  readonly registryKeys: string;
}

/**
 * @throws {@link ClerkError} `REGISTRY_INVALID` when the body has a content encoding, since its decoded size is not
 * known in advance
 * @see [A8](../../docs/guarantees.md#a8)
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
      `${subject} received a response with the content encoding '${encoding.slice(0, 40)}', which the client did not request; check whether a proxy between the client and the registry encodes responses`,
    );
  return {
    status,
    revision: headers.get('clerk-revision') ?? '',
    incarnation: headers.get('clerk-incarnation') ?? '',
    position: headers.get(positionHeader) ?? '',
    servers: headers.get(serversHeader) ?? '',
    contentType: headers.get('content-type') ?? '',
    registryKeys: headers.get(registryKeysHeader) ?? '',
  };
}

/** Collects the chunks of a body, up to a maximum size. @see [C8.3](../../docs/guarantees.md#c8-3) */
export class JsonBodyReader {
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(
    readonly subject: string,
    readonly maxBytes = maxRegistryResponseBytes,
  ) {}

  append(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > this.maxBytes)
      throw new ClerkError(
        'REGISTRY_INVALID',
        `${this.subject} received a response body of more than ${String(this.maxBytes)} bytes; request fewer names at a time`,
      );
    this.#chunks.push(chunk);
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Returns an array for lines of JSON, and undefined for a body that is not JSON. */
  parse(contentType: string): unknown {
    const text = Buffer.concat(this.#chunks).toString('utf8');
    try {
      if (!contentType.startsWith('application/x-ndjson')) return parseJson(text);
      const lines = text.split('\n').filter((line) => line !== '');
      return lines.map(parseJson);
    } catch {
      return undefined;
    }
  }
}

/**
 * Returns the body of a successful response. @throws {@link ClerkError} the error in the body of any other response
 */
export function expectBody(
  { status, body }: RegistryResponse,
  connection: RegistryConnection,
  path: string,
): unknown {
  if (status === 200) return body;
  throw decodeError(status, body, `The request to ${path} at ${connection.url}`);
}
