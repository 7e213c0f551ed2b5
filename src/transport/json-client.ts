/**
 * A server over HTTP: JSON there, JSON back, each phase within its time. Connections are kept for a while and never
 * keep the process alive. Whatever goes wrong is a `ClerkError`, and a question that was given up is never written late.
 */
import type { Dispatcher, Pool } from 'undici';
import { parseAddress, type Address } from '../core/address.js';
import type { Clock, Timer } from '../core/clock.js';
import { ClerkError, isClerkError, reasonOf } from '../core/errors.js';
import type { TlsOptions, WireHandler } from '../core/transport.js';
import type { Peer, PeerReply, Question, StreamListener } from '../wire/peer.js';
import { EventStream } from './event-stream.js';
import { BodyReader, headOf, type Head } from './json-reader.js';
import { originOf, unheldConnector } from './unheld.js';
import { undici } from './undici.js';

/** What a server over HTTP needs. */
export interface HttpPeerOptions {
  readonly clock: Clock;
  /** Certificates for `https:`. */
  readonly tls: TlsOptions;
}

const connectMs = 1_500;
const headMs = 3_000;
const bodyMs = 3_000;
const connections = 16;

/**
 * A server at an address.
 *
 * @param url - `http(s)://host:port`, `unix:/path` or `unix+https:/path`
 * @throws a `ClerkError` `CONFIG_INVALID` for an address that is none
 */
export function httpPeer(url: string, options: HttpPeerOptions): Peer {
  return new HttpPeer(parseAddress(url), options);
}

class HttpPeer implements Peer {
  readonly url: string;
  readonly #address: Address;
  readonly #options: HttpPeerOptions;
  readonly #streams = new Set<EventStream>();
  #pool: Pool | undefined;
  #closed = false;

  constructor(address: Address, options: HttpPeerOptions) {
    this.url = address.text;
    this.#address = address;
    this.#options = options;
  }

  ask(question: Question, signal: AbortSignal): Promise<PeerReply> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) reject(signal.reason);
      else if (this.#closed) reject(unreachable(this.url, new Error('the connections to it were closed')));
      else
        new Exchange(question, this.url, this.#options.clock, signal, resolve, reject).begin(
          (this.#pool ??= this.#open()),
        );
    });
  }

  follow(question: Question, listener: StreamListener): () => void {
    const { clock, tls } = this.#options;
    const stream = new EventStream(
      new (undici().Client)(originOf(this.#address), {
        connect: unheldConnector(this.#address, tls, connectMs),
        headersTimeout: 0,
        // A watch may have nothing to say for long; its heartbeat is looked after by whoever listens.
        bodyTimeout: 0,
      }),
      { url: this.url, clock, limitMs: connectMs + headMs, failure: (error) => unreachable(this.url, error) },
      {
        ...bound(listener),
        onEnd: (error) => {
          this.#streams.delete(stream);
          listener.onEnd(error);
        },
      },
    );
    this.#streams.add(stream);
    stream.begin(requestOf(question));
    return () => {
      this.#streams.delete(stream);
      stream.stop();
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const stream of this.#streams) stream.stop();
    this.#streams.clear();
    await this.#pool?.destroy(unreachable(this.url, new Error('the connections to it were closed')));
  }

  #open(): Pool {
    return new (undici().Pool)(originOf(this.#address), {
      connections,
      connect: unheldConnector(this.#address, this.#options.tls, connectMs),
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }
}

/** One question and its answer. */
class Exchange implements WireHandler {
  readonly #where: string;
  readonly #body: BodyReader;
  #head: Head | undefined;
  #abort: ((reason?: Error) => void) | undefined;
  #timer: Timer | undefined;
  #over = false;

  constructor(
    readonly question: Question,
    readonly url: string,
    readonly clock: Clock,
    readonly signal: AbortSignal,
    readonly resolve: (reply: PeerReply) => void,
    readonly reject: (error: unknown) => void,
  ) {
    this.#where = `The question for ${question.path} at ${url}`;
    this.#body = new BodyReader(this.#where);
  }

  begin(pool: Dispatcher): void {
    this.signal.addEventListener('abort', this.#onAbort);
    this.#limit(connectMs, 'no connection came about');
    try {
      pool.dispatch(requestOf(this.question), this);
    } catch (error) {
      this.onError(error as Error);
    }
  }

  onConnect(abort: (reason?: Error) => void): void {
    // Nobody waits any more: nothing is written.
    if (this.#over) throw new Error('The question was given up');
    this.#abort = abort;
    this.#limit(this.question.headMs ?? headMs, 'it did not begin to answer');
  }

  onHeaders(status: number, headers: Buffer[]): boolean {
    if (this.#over || status < 200) return true;
    try {
      this.#head = headOf(status, headers, this.#where);
      this.#limit(bodyMs, 'it did not finish its answer');
    } catch (error) {
      this.#fail(error);
    }
    return true;
  }

  onData(chunk: Buffer): boolean {
    if (this.#over) return true;
    try {
      this.#body.take(chunk);
    } catch (error) {
      this.#fail(error);
    }
    return true;
  }

  onComplete(): void {
    if (this.#over) return;
    this.#finish();
    this.resolve(this.#body.reply(this.#head as Head));
  }

  onError(error: Error): void {
    if (this.#over) return;
    this.#finish();
    this.reject(isClerkError(error) ? error : unreachable(this.url, error));
  }

  onUpgrade(): void {
    this.#fail(new Error('it changed the protocol unasked'));
  }

  readonly #onAbort = (): void => this.#fail(this.signal.reason, true);

  #limit(limitMs: number, what: string): void {
    this.#timer?.cancel();
    this.#timer = this.clock.setTimer(
      () => this.#fail(new Error(`${what} within ${String(limitMs)} ms`)),
      limitMs,
    );
    this.#timer.setRef(false);
  }

  #fail(error: unknown, asIs = false): void {
    if (this.#over) return;
    this.#finish();
    this.reject(asIs || isClerkError(error) ? error : unreachable(this.url, error));
    this.#abort?.(new Error('The answer is not wanted any more'));
  }

  #finish(): void {
    this.#over = true;
    this.#timer?.cancel();
    this.signal.removeEventListener('abort', this.#onAbort);
  }
}

/** The request that a question is. */
function requestOf({ path, query, body }: Question): Dispatcher.DispatchOptions {
  const accept = ['accept', 'application/json, text/event-stream', 'accept-encoding', 'identity'];
  if (body === undefined)
    return {
      method: 'GET',
      path: query === undefined ? path : `${path}?${new URLSearchParams(query).toString()}`,
      headers: accept,
    };
  return {
    method: 'POST',
    path,
    headers: [...accept, 'content-type', 'application/json'],
    body: JSON.stringify(body),
  };
}

function bound(listener: StreamListener): StreamListener {
  return {
    onSign: () => listener.onSign(),
    onEvent: (event) => listener.onEvent(event),
    onEnd: (error) => listener.onEnd(error),
  };
}

/** What is said of a server that cannot be asked, and what to do about it. */
function unreachable(url: string, error: unknown): ClerkError {
  const { code } = error as { readonly code?: unknown };
  const refused = code === 'ECONNREFUSED' || code === 'ENOENT';
  return new ClerkError(
    'REGISTRY_UNREACHABLE',
    refused
      ? `No registry listens at ${url}; start one with 'npx clerk serve', or name another one`
      : `The registry at ${url} cannot be asked: ${reasonOf(error)}`,
    { cause: error },
  );
}
