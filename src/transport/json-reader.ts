/**
 * Reads one answer of a server: its head, and its body within a bound. Encoded bodies are refused, whatever was asked
 * for: what unpacks without a bound cannot be bounded.
 *
 * @see promises C8.3, A8
 */
import { ClerkError } from '../core/errors.js';
import type { PeerReply } from '../wire/peer.js';

/** Most bytes of an answer: a service with 10,000 endpoints of 200 bytes takes two of these four MiB. */
export const mostAnswerBytes = 4 * 1024 * 1024;

/** The head of an answer, in what matters here. */
export interface Head {
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
export function headOf(status: number, raw: readonly Buffer[], where: string): Head {
  const found = new Map<string, string>();
  for (let i = 0; i + 1 < raw.length; i += 2)
    found.set((raw[i] as Buffer).toString('latin1').toLowerCase(), (raw[i + 1] as Buffer).toString('latin1'));
  const encoding = found.get('content-encoding');
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity')
    throw new ClerkError(
      'REGISTRY_INVALID',
      `${where} was answered in the encoding '${encoding.slice(0, 40)}', which was not asked for; is a proxy in between`,
    );
  return {
    status,
    revision: found.get('clerk-revision') ?? '',
    incarnation: found.get('clerk-incarnation') ?? '',
    contentType: found.get('content-type') ?? '',
  };
}

/** Collects a body. */
export class BodyReader {
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(readonly where: string) {}

  /** @throws a `ClerkError` `REGISTRY_INVALID` when it gets too long */
  take(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > mostAnswerBytes)
      throw new ClerkError(
        'REGISTRY_INVALID',
        `${this.where} was answered with more than ${String(mostAnswerBytes)} bytes; ask for less at a time`,
      );
    this.#chunks.push(chunk);
  }

  /** The parsed whole; undefined where it is no JSON. */
  body(): unknown {
    try {
      return JSON.parse(Buffer.concat(this.#chunks).toString('utf8')) as unknown;
    } catch {
      return undefined;
    }
  }

  reply({ status, revision, incarnation }: Head): PeerReply {
    return { status, revision, incarnation, body: this.body() };
  }
}
