/**
 * The command line's only door to the network: asks a registry, and the next of the list when one is not there. A question
 * is asked anew as often as there are registries; a change only where it certainly was not received.
 */
import type { Clock } from '../core/clock.js';
import { ClerkError, isClerkError, errorMessage } from '../core/errors.js';
import { decodeError } from '../protocol/error-codec.js';

/** Most bytes of an answer, after decoding; streams are bounded by the line. */
const maxResponseBytes = 16 * 1024 * 1024;
/** Most characters of a line of a stream. */
const maxLineCharacters = 1024 * 1024;

/** Failures that come before the first byte of a request was sent. */
const notSentCodes =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|UND_ERR_CONNECT_TIMEOUT|ERR_TLS_.*|CERT_.*|.*_CERT|.*_CERTIFICATE|UNABLE_TO_.*)$/;

const reasonByCode: Readonly<Record<string, string>> = {
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
export interface RegistryClientOptions {
  /** Registries, tried in this order. */
  readonly urls: readonly string[];
  /** Time for an answer, in ms; for a stream, until it begins. */
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/** One request. */
interface ClientRequest {
  readonly method: 'GET' | 'POST';
  readonly target: string;
  readonly body?: string | Uint8Array<ArrayBuffer>;
  readonly contentType?: string;
}

/** See the file's header. Every method rejects with a `ClerkError` that says what to do. */
export class RegistryClient {
  readonly #options: RegistryClientOptions;
  /** The one that answered last comes first. */
  #urls: readonly string[];

  constructor(options: RegistryClientOptions) {
    this.#options = options;
    this.#urls = options.urls;
  }

  /** Asks; the answer is whatever JSON the registry sent. */
  get(path: string, query: Readonly<Record<string, string | undefined>> = {}): Promise<unknown> {
    const pairs = Object.entries(query).filter((pair): pair is [string, string] => pair[1] !== undefined);
    const search = new URLSearchParams(pairs).toString();
    const request: ClientRequest = { method: 'GET', target: search === '' ? path : `${path}?${search}` };
    return this.#failOver(request, (response) => readJson(response, request));
  }

  /** Has something changed. */
  post(path: string, body: object): Promise<unknown> {
    return this.#post({
      method: 'POST',
      target: path,
      body: JSON.stringify(body),
      contentType: 'application/json',
    });
  }

  /** Sends lines of JSON. */
  postLines(path: string, lines: Uint8Array<ArrayBuffer>): Promise<unknown> {
    return this.#post({ method: 'POST', target: path, body: lines, contentType: 'application/x-ndjson' });
  }

  /** Reads lines of JSON as they come. */
  async *lines(path: string): AsyncGenerator<unknown, void, undefined> {
    const request: ClientRequest = { method: 'GET', target: path };
    const response = await this.#failOver(request, (begun) => Promise.resolve(begun));
    try {
      for await (const line of readLines(response)) yield parseJson(line, request);
    } catch (error) {
      if (isClerkError(error)) throw error;
      throw new ClerkError(
        'REGISTRY_UNREACHABLE',
        `The registry broke off in the middle of its answer (${describeError(error)})`,
        { cause: error },
      );
    }
  }

  #post(request: ClientRequest): Promise<unknown> {
    return this.#failOver(request, (response) => readJson(response, request));
  }

  /** Tries one registry after the other; each has its share of the time that is left. */
  async #failOver<T>(request: ClientRequest, read: (response: Response) => Promise<T>): Promise<T> {
    const { timeoutMs, clock } = this.#options;
    const urls = this.#urls;
    const deadlineAt = clock.now() + timeoutMs;
    const failures: { readonly url: string; readonly reason: string; readonly cause: unknown }[] = [];
    for (const [index, url] of urls.entries()) {
      const shareMs = (deadlineAt - clock.now()) / (urls.length - index);
      try {
        const result = await this.#withTimeout(shareMs, (signal) => sendTo(url, request, signal, read));
        this.#urls = [url, ...urls.filter((other) => other !== url)];
        return result;
      } catch (error) {
        const reason = isClerkError(error) ? error.message : describeError(error);
        const isLast = index === urls.length - 1;
        const isUnavailable = isClerkError(error) && ['REGISTRY_UNREACHABLE', 'CLERK_CLOSED'].includes(error.code);
        if (isClerkError(error) && !(isUnavailable && !isLast && request.method === 'GET')) throw error;
        if (request.method !== 'GET' && !notSentCodes.test(codeOf(error)))
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

  async #withTimeout<T>(timeoutMs: number, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController();
    const timer = this.#options.clock.setTimer(
      () => controller.abort(new TimeoutError(`no answer within ${String(Math.round(timeoutMs))} ms`)),
      timeoutMs,
    );
    try {
      return await run(controller.signal);
    } finally {
      timer.cancel();
    }
  }
}

/** The time is over. */
class TimeoutError extends Error {
  readonly code = 'LATE';
}

async function sendTo<T>(
  url: string,
  { method, target, body, contentType }: ClientRequest,
  signal: AbortSignal,
  read: (response: Response) => Promise<T>,
): Promise<T> {
  const response = await fetch(url + target, {
    method,
    redirect: 'manual',
    signal,
    headers: {
      accept: 'application/json',
      ...(contentType !== undefined && { 'content-type': contentType }),
    },
    ...(body !== undefined && { body }),
  });
  if (response.ok) return read(response);
  throw decodeError(
    response.status,
    await readJson(response, { method, target }).catch((error: unknown) => {
      if (isClerkError(error)) return undefined;
      throw error;
    }),
    `${method} ${pathOf(target)} at ${url}`,
  );
}

async function readJson(response: Response, request: ClientRequest): Promise<unknown> {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for await (const chunk of bodyChunks(response)) {
    bytes += chunk.byteLength;
    if (bytes > maxResponseBytes)
      throw new ClerkError(
        'REGISTRY_INVALID',
        `The answer to ${pathOf(request.target)} is longer than ${String(maxResponseBytes)} bytes`,
      );
    text += decoder.decode(chunk, { stream: true });
  }
  return parseJson(text, request);
}

async function* readLines(response: Response): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  let partialLine = '';
  for await (const chunk of bodyChunks(response)) {
    const lines = (partialLine + decoder.decode(chunk, { stream: true })).split('\n');
    partialLine = lines.pop() ?? '';
    if (partialLine.length > maxLineCharacters)
      throw new ClerkError(
        'REGISTRY_INVALID',
        `The registry sent a line longer than ${String(maxLineCharacters)} characters`,
      );
    for (const line of lines) if (line !== '') yield line;
  }
  if (partialLine !== '') yield partialLine;
}

function bodyChunks(response: Response): AsyncIterable<Uint8Array> {
  return (response.body ?? []) as AsyncIterable<Uint8Array>;
}

function parseJson(text: string, request: ClientRequest): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ClerkError(
      'REGISTRY_INVALID',
      `The answer to ${pathOf(request.target)} is no JSON; is that the address of a registry?`,
      { cause: error },
    );
  }
}

function pathOf(target: string): string {
  return target.replace(/\?.*$/, '');
}

/** What is behind the `fetch failed` of a fetch. */
function fetchCause(error: unknown): unknown {
  return error instanceof TypeError && error.cause !== undefined ? error.cause : error;
}

function codeOf(error: unknown): string {
  const { code } = (fetchCause(error) ?? {}) as { readonly code?: unknown };
  return typeof code === 'string' ? code : '';
}

function describeError(error: unknown): string {
  const reason = reasonByCode[codeOf(error)] ?? errorMessage(fetchCause(error));
  return reason === 'bad port' ? 'a port that HTTP clients keep away from' : reason;
}
