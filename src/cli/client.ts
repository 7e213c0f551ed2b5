/**
 * The command line's only door to the network: asks a registry, and the next of the list when one is not there. A question
 * is asked anew as often as there are registries; a change only where it certainly was not received.
 */
import type { Clock } from '../core/clock.js';
import { ClerkError, isClerkError, reasonOf } from '../core/errors.js';
import { errorOf } from '../wire/failure.js';

/** Most bytes of an answer, after decoding; streams are bounded by the line. */
const mostAnswerBytes = 16 * 1024 * 1024;
/** Most characters of a line of a stream. */
const mostLineCharacters = 1024 * 1024;

/** Failures that come before the first byte of a request was sent. */
const neverSent =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|UND_ERR_CONNECT_TIMEOUT|ERR_TLS_.*|CERT_.*|.*_CERT|.*_CERTIFICATE|UNABLE_TO_.*)$/;

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection reset',
  UND_ERR_SOCKET: 'connection closed',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'the host name could not be looked up',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
  ETIMEDOUT: 'no answer',
  UND_ERR_CONNECT_TIMEOUT: 'no answer',
  HPE_INVALID_CONSTANT: 'it does not speak HTTP',
};

/** What a client is made with. */
export interface ClientOptions {
  /** Registries, tried in this order. */
  readonly urls: readonly string[];
  /** Time for an answer, in ms; for a stream, until it begins. */
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/** One request. */
interface Ask {
  readonly method: 'GET' | 'POST';
  readonly target: string;
  readonly body?: string | Uint8Array<ArrayBuffer>;
  readonly type?: string;
}

/** See the file's header. Every method rejects with a `ClerkError` that says what to do. */
export class RegistryClient {
  readonly #options: ClientOptions;
  /** The one that answered last comes first. */
  #urls: readonly string[];

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#urls = options.urls;
  }

  /** Asks; the answer is whatever JSON the registry sent. */
  get(path: string, query: Readonly<Record<string, string | undefined>> = {}): Promise<unknown> {
    const pairs = Object.entries(query).filter((pair): pair is [string, string] => pair[1] !== undefined);
    const search = new URLSearchParams(pairs).toString();
    const ask: Ask = { method: 'GET', target: search === '' ? path : `${path}?${search}` };
    return this.#anywhere(ask, (response) => jsonOf(response, ask));
  }

  /** Has something changed. */
  post(path: string, body: object): Promise<unknown> {
    return this.#send({ method: 'POST', target: path, body: JSON.stringify(body), type: 'application/json' });
  }

  /** Sends lines of JSON. */
  postLines(path: string, lines: Uint8Array<ArrayBuffer>): Promise<unknown> {
    return this.#send({ method: 'POST', target: path, body: lines, type: 'application/x-ndjson' });
  }

  /** Reads lines of JSON as they come. */
  async *lines(path: string): AsyncGenerator<unknown, void, undefined> {
    const ask: Ask = { method: 'GET', target: path };
    const response = await this.#anywhere(ask, (begun) => Promise.resolve(begun));
    try {
      for await (const line of linesOf(response)) yield parsed(line, ask);
    } catch (error) {
      if (isClerkError(error)) throw error;
      throw new ClerkError(
        'REGISTRY_UNREACHABLE',
        `The registry broke off in the middle of its answer (${reasonFor(error)})`,
        { cause: error },
      );
    }
  }

  #send(ask: Ask): Promise<unknown> {
    return this.#anywhere(ask, (response) => jsonOf(response, ask));
  }

  /** Tries one registry after the other; each has its share of the time that is left. */
  async #anywhere<T>(ask: Ask, read: (response: Response) => Promise<T>): Promise<T> {
    const { timeoutMs, clock } = this.#options;
    const urls = this.#urls;
    const endsAt = clock.now() + timeoutMs;
    const failures: { readonly url: string; readonly reason: string; readonly cause: unknown }[] = [];
    for (const [index, url] of urls.entries()) {
      const shareMs = (endsAt - clock.now()) / (urls.length - index);
      try {
        const answer = await this.#within(shareMs, (signal) => attempt(url, ask, signal, read));
        this.#urls = [url, ...urls.filter((other) => other !== url)];
        return answer;
      } catch (error) {
        const reason = isClerkError(error) ? error.message : reasonFor(error);
        const isLast = index === urls.length - 1;
        const isGone = isClerkError(error) && ['REGISTRY_UNREACHABLE', 'CLOSED'].includes(error.code);
        if (isClerkError(error) && !(isGone && !isLast && ask.method === 'GET')) throw error;
        if (ask.method !== 'GET' && !neverSent.test(codeOf(error)))
          throw new ClerkError(
            'REGISTRY_UNREACHABLE',
            `The registry at ${url} was asked and broke off before it answered (${reason}); whether the change was made is not known, so look before you try again`,
            { execution: 'unknown', cause: error },
          );
        failures.push({ url, reason, cause: error });
      }
    }
    const tried = failures.map(({ url, reason }) => `${url} (${reason})`).join(', nor at ');
    throw new ClerkError(
      'REGISTRY_UNREACHABLE',
      `No registry answers at ${tried}; start one with \`clerk serve\`, or name another with --registry or $CLERK_REGISTRY`,
      { cause: failures.at(-1)?.cause },
    );
  }

  async #within<T>(limitMs: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController();
    const timer = this.#options.clock.setTimer(
      () => controller.abort(new Late(`no answer within ${String(Math.round(limitMs))} ms`)),
      limitMs,
    );
    try {
      return await work(controller.signal);
    } finally {
      timer.cancel();
    }
  }
}

/** The time is over. */
class Late extends Error {
  readonly code = 'LATE';
}

async function attempt<T>(
  url: string,
  { method, target, body, type }: Ask,
  signal: AbortSignal,
  read: (response: Response) => Promise<T>,
): Promise<T> {
  const response = await fetch(url + target, {
    method,
    redirect: 'manual',
    signal,
    headers: { accept: 'application/json', ...(type !== undefined && { 'content-type': type }) },
    ...(body !== undefined && { body }),
  });
  if (response.ok) return read(response);
  throw errorOf(
    response.status,
    await jsonOf(response, { method, target }).catch((error: unknown) => {
      if (isClerkError(error)) return undefined;
      throw error;
    }),
    `${method} ${pathOf(target)} at ${url}`,
  );
}

async function jsonOf(response: Response, ask: Ask): Promise<unknown> {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for await (const chunk of chunksOf(response)) {
    bytes += chunk.byteLength;
    if (bytes > mostAnswerBytes)
      throw new ClerkError(
        'REGISTRY_INVALID',
        `The answer to ${pathOf(ask.target)} is longer than ${String(mostAnswerBytes)} bytes`,
      );
    text += decoder.decode(chunk, { stream: true });
  }
  return parsed(text, ask);
}

async function* linesOf(response: Response): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunksOf(response)) {
    const pieces = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = pieces.pop() ?? '';
    if (rest.length > mostLineCharacters)
      throw new ClerkError(
        'REGISTRY_INVALID',
        `The registry sent a line longer than ${String(mostLineCharacters)} characters`,
      );
    for (const line of pieces) if (line !== '') yield line;
  }
  if (rest !== '') yield rest;
}

function chunksOf(response: Response): AsyncIterable<Uint8Array> {
  return (response.body ?? []) as AsyncIterable<Uint8Array>;
}

function parsed(text: string, ask: Ask): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ClerkError(
      'REGISTRY_INVALID',
      `The answer to ${pathOf(ask.target)} is no JSON; is that the address of a registry?`,
      { cause: error },
    );
  }
}

function pathOf(target: string): string {
  return target.replace(/\?.*$/, '');
}

/** What is behind the `fetch failed` of a fetch. */
function behind(error: unknown): unknown {
  return error instanceof TypeError && error.cause !== undefined ? error.cause : error;
}

function codeOf(error: unknown): string {
  const { code } = (behind(error) ?? {}) as { readonly code?: unknown };
  return typeof code === 'string' ? code : '';
}

function reasonFor(error: unknown): string {
  const reason = reasons[codeOf(error)] ?? reasonOf(behind(error));
  return reason === 'bad port' ? 'a port that HTTP clients keep away from' : reason;
}
