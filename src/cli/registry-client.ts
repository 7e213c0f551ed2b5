import type { Clock } from '../core/clock.js';
import { ClerkError, isClerkError, errorMessage } from '../core/errors.js';
import { decodeError } from '../protocol/error-codec.js';

/**
 * Maximum size of a response body after decompression, in bytes. A response that is read line by line is limited by
 * `maxLineCharacters` instead.
 */
const maxResponseBytes = 16 * 1024 * 1024;
/** Maximum length of a line in a response that is read line by line, in characters. */
const maxLineCharacters = 1024 * 1024;

/**
 * Codes of the errors that occur before the first byte of a request is sent. After such an error, the registry cannot
 * have received the request.
 */
const notSentCodes =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|UND_ERR_CONNECT_TIMEOUT|ERR_TLS_.*|CERT_.*|.*_CERT|.*_CERTIFICATE|UNABLE_TO_.*)$/;

const reasonByCode: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection reset',
  UND_ERR_SOCKET: 'connection closed',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'DNS lookup failed',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
  ETIMEDOUT: 'timed out',
  UND_ERR_CONNECT_TIMEOUT: 'connect timed out',
  HPE_INVALID_CONSTANT: 'not an HTTP server',
};

/** Options of {@link RegistryClient}. */
export interface RegistryClientOptions {
  /** URLs of the registries, in the order in which the client tries them. */
  readonly urls: readonly string[];
  /**
   * Maximum time, in ms, that one request may take for all registries together. For `lines()`, only the time until
   * the response begins counts.
   */
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/** A request to the registry. */
interface ClientRequest {
  readonly method: 'GET' | 'POST';
  readonly target: string;
  readonly body?: string | Uint8Array<ArrayBuffer>;
  readonly contentType?: string;
}

/**
 * HTTP client of the command line. When a registry is unavailable, the client tries the next registry. A change is
 * sent to the next registry only if the previous registry certainly did not receive the change.
 *
 * All methods reject with a {@link ClerkError}, whose message says what the user can do.
 */
export class RegistryClient {
  readonly #options: RegistryClientOptions;
  /**
   * URLs of the registries, in the order in which the client tries them. The registry that sent the most recent
   * result comes first.
   */
  #urls: readonly string[];

  constructor(options: RegistryClientOptions) {
    this.#options = options;
    this.#urls = options.urls;
  }

  /** Sends a GET request. Resolves with the parsed JSON, which is not yet validated. */
  get(path: string, query: Readonly<Record<string, string | undefined>> = {}): Promise<unknown> {
    const pairs = Object.entries(query).filter((pair): pair is [string, string] => pair[1] !== undefined);
    const search = new URLSearchParams(pairs).toString();
    const request: ClientRequest = { method: 'GET', target: search === '' ? path : `${path}?${search}` };
    return this.#failOver(request, (response) => readJson(response, request));
  }

  /** Sends a POST request with a JSON body. Resolves with the parsed JSON, which is not yet validated. */
  post(path: string, body: object): Promise<unknown> {
    return this.#post({
      method: 'POST',
      target: path,
      body: JSON.stringify(body),
      contentType: 'application/json',
    });
  }

  /** Sends a POST request with lines of JSON. Resolves with the parsed JSON, which is not yet validated. */
  postLines(path: string, lines: Uint8Array<ArrayBuffer>): Promise<unknown> {
    return this.#post({ method: 'POST', target: path, body: lines, contentType: 'application/x-ndjson' });
  }

  /** Sends a GET request. Yields each line of the response, parsed as JSON, when the line arrives. */
  async *lines(path: string): AsyncGenerator<unknown, void, undefined> {
    const request: ClientRequest = { method: 'GET', target: path };
    const response = await this.#failOver(request, (begun) => Promise.resolve(begun));
    try {
      for await (const line of readLines(response)) yield parseJson(line, request);
    } catch (error) {
      if (isClerkError(error)) throw error;
      throw new ClerkError(
        'REGISTRY_UNREACHABLE',
        `The connection to the registry was lost during the response (${describeError(error)})`,
        { cause: error },
      );
    }
  }

  #post(request: ClientRequest): Promise<unknown> {
    return this.#failOver(request, (response) => readJson(response, request));
  }

  /**
   * Tries the registries in order until a registry responds. Each registry gets the remaining time, divided by the
   * number of registries that are not yet tried.
   */
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
        const isUnavailable =
          isClerkError(error) && ['REGISTRY_UNREACHABLE', 'CLERK_CLOSED'].includes(error.code);
        if (isClerkError(error) && !(isUnavailable && !isLast && request.method === 'GET')) throw error;
        if (request.method !== 'GET' && !notSentCodes.test(codeOf(error)))
          throw new ClerkError(
            'REGISTRY_UNREACHABLE',
            `The connection to the registry at ${url} was lost before the response (${reason}). The registry may have made the change; check the name before you retry`,
            { execution: 'unknown', cause: error },
          );
        failures.push({ url, reason, cause: error });
      }
    }
    const tried = failures.map(({ url, reason }) => `${url} (${reason})`).join(', ');
    throw new ClerkError(
      'REGISTRY_UNREACHABLE',
      `No registry is available; tried ${tried}. Start a registry with \`clerk serve\`, or set --registry or $CLERK_REGISTRY`,
      { cause: failures.at(-1)?.cause },
    );
  }

  async #withTimeout<T>(timeoutMs: number, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController();
    const timer = this.#options.clock.setTimer(
      () => controller.abort(new TimeoutError(`no response within ${String(Math.round(timeoutMs))} ms`)),
      timeoutMs,
    );
    try {
      return await run(controller.signal);
    } finally {
      timer.cancel();
    }
  }
}

/** Reason with which a request is aborted after its timeout. */
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
        `Response of ${pathOf(request.target)} must be at most ${String(maxResponseBytes)} bytes`,
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
        `Line of the response must be at most ${String(maxLineCharacters)} characters`,
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
      `Response of ${pathOf(request.target)} must be JSON; check that the URL belongs to a registry`,
      { cause: error },
    );
  }
}

function pathOf(target: string): string {
  return target.replace(/\?.*$/, '');
}

/** Returns the cause of a `fetch failed` error; returns any other error unchanged. */
function fetchCause(error: unknown): unknown {
  return error instanceof TypeError && error.cause !== undefined ? error.cause : error;
}

function codeOf(error: unknown): string {
  const { code } = (fetchCause(error) ?? {}) as { readonly code?: unknown };
  return typeof code === 'string' ? code : '';
}

function describeError(error: unknown): string {
  const reason = reasonByCode[codeOf(error)] ?? errorMessage(fetchCause(error));
  return reason === 'bad port' ? 'a port that HTTP clients block' : reason;
}
