import { AsyncResource } from 'node:async_hooks';
import type { Channel, TransportFactory, RequestHandler, TransportRequest } from 'binding-clerk/extend';
import { callIdOfPath } from './dominance/call-secrets.js';
import { refusalOf, type RefusedResponse } from './dominance/refused-response.js';
import type { AttemptRecord, CallRecord } from './oracle.js';

/** Receives all attempts of an {@link observedTransport}. */
export interface AttemptObserver {
  /** Requests whose handler has not been called at the end. */
  readonly outstanding: Set<AttemptRecord>;
  recordOf(callId: string): CallRecord | undefined;
  attemptStarted(record: CallRecord, endpoint: string): AttemptRecord;
  requestSent(record: CallRecord, attempt: AttemptRecord): void;
  /** The head of a response is about to be delivered. */
  headArrived(record: CallRecord, attempt: AttemptRecord, statusCode: number): void;
  /** The transport has refused the response. */
  responseRefused(record: CallRecord, attempt: AttemptRecord): void;
  /** The clerk has cancelled the attempt. */
  attemptCancelled(record: CallRecord, attempt: AttemptRecord): void;
  /** The attempt has failed without being cancelled. */
  attemptFailed(record: CallRecord, attempt: AttemptRecord, error: Error, isAfterHead: boolean): void;
  /** A connection that had served another request was lost before a response. */
  reusedConnectionLost(record: CallRecord): void;
  /** The endpoint rejected the request with REFUSED_STREAM. */
  streamRefused(record: CallRecord, attempt: AttemptRecord): void;
  usesSecondAddress(): void;
  violate(clause: string, what: string): void;
}

/**
 * A transport that reports every attempt, and whether the request may have been sent. Like undici, it refuses some responses. It
 * appends the number of the attempt to the path, so that servers can tell attempts apart.
 */
export function observedTransport(factory: TransportFactory, observer: AttemptObserver): TransportFactory {
  return (options, clock) => {
    const inner = factory(options, clock);
    return {
      open(endpoint, addresses, authority) {
        const channel = inner.open(endpoint, addresses, authority);
        const handlers = new WeakMap<RequestHandler, ObservingHandler>();
        // A socket calls its handlers in the async context of the call that opened it.
        let socketContext: AsyncResource | undefined;
        return {
          get address() {
            return channel.address;
          },
          dispatch(request, handler, freshOnly) {
            const record = observer.recordOf(callIdOfPath(request.path) ?? '');
            if (record === undefined) throw new Error(`Request ${request.path} belongs to no call`);
            if (freshOnly !== (record.kind === 'once')) {
              observer.violate(
                'C3.3',
                `${record.id} is '${record.kind}' and is sent with the wrong freshOnly`,
              );
            }
            if (channel.address !== addresses[0]) observer.usesSecondAddress();
            const number = record.attempts.length;
            const attempt = observer.attemptStarted(record, endpoint.id);
            const observing = new ObservingHandler(
              handler,
              channel,
              observer,
              record,
              attempt,
              (socketContext ??= new AsyncResource('SIMULATED_SOCKET')),
            );
            handlers.set(handler, observing);
            channel.dispatch(numbered(request, number), observing, freshOnly);
          },
          cancelQueued(handler) {
            const observing = handlers.get(handler);
            if (observing === undefined) return;
            observing.cancelled();
            channel.cancelQueued?.(observing);
          },
          connect: () => channel.connect(),
          probe: (limitMs) => channel.probe(limitMs),
          wasNotProcessed: (error) => channel.wasNotProcessed?.(error) ?? false,
          wasReused: (handler) => {
            const observing = handlers.get(handler);
            return observing !== undefined && (channel.wasReused?.(observing) ?? false);
          },
          resetConnections: () => channel.resetConnections(),
          nextAddress: (from) => channel.nextAddress(from),
          close: () => channel.close(),
          destroy: (error) => channel.destroy(error),
        };
      },
    };
  };
}

/** The request with the number of its attempt at the end of its path. */
function numbered(request: TransportRequest, number: number): TransportRequest {
  return { ...request, path: `${request.path}~${number}` };
}

/** Number of the attempt that a request belongs to. */
export function attemptOfPath(path: string): number {
  return Number(path.slice(path.lastIndexOf('~') + 1));
}

/** Passes all calls on, and reports what happens to the attempt. */
class ObservingHandler implements RequestHandler {
  #abort: ((reason?: Error) => void) | undefined;
  #isCancelled = false;
  #hasHead = false;
  /** The response is refused at its end. */
  #refusal: RefusedResponse | undefined;

  constructor(
    readonly inner: RequestHandler,
    readonly channel: Channel,
    readonly observer: AttemptObserver,
    readonly record: CallRecord,
    readonly attempt: AttemptRecord,
    readonly socketContext: AsyncResource,
  ) {
    observer.outstanding.add(attempt);
  }

  get hasFailed(): boolean {
    return this.inner.hasFailed ?? false;
  }

  get needsNewConnection(): boolean {
    return this.inner.needsNewConnection ?? false;
  }

  /** The clerk cancels the attempt. */
  cancelled(): void {
    this.#isCancelled = true;
    this.#ended();
    this.observer.attemptCancelled(this.record, this.attempt);
  }

  onConnect(abort: (reason?: Error) => void, context?: unknown): void {
    this.#abort = abort;
    this.inner.onConnect((reason) => {
      if (!this.#isCancelled) this.cancelled();
      abort(reason);
    }, context);
    if (!this.#isCancelled) this.observer.requestSent(this.record, this.attempt);
  }

  onHeaders(...head: Parameters<RequestHandler['onHeaders']>): boolean {
    const [statusCode, headers] = head;
    const refusal = refusalOf(headers);
    if (refusal !== undefined && refusal.at !== 'end') {
      this.#refuse(refusal);
      return true;
    }
    this.inner.onResponseStarted?.();
    this.#refusal = refusal;
    this.#hasHead = true;
    this.observer.headArrived(this.record, this.attempt, statusCode);
    return this.socketContext.runInAsyncScope(() => this.inner.onHeaders(...head));
  }

  onData(chunk: Buffer): boolean {
    return this.inner.onData(chunk);
  }

  onComplete(trailers: string[] | null): void {
    this.#ended();
    if (this.#refusal === undefined)
      this.socketContext.runInAsyncScope(() => this.inner.onComplete(trailers));
    else this.#fail(this.#refusal.createError());
  }

  onError(error: Error): void {
    this.#ended();
    if (this.#isCancelled) this.inner.onError(error);
    else this.socketContext.runInAsyncScope(() => this.#fail(error));
  }

  onUpgrade(...upgrade: Parameters<RequestHandler['onUpgrade']>): void {
    this.inner.onUpgrade(...upgrade);
  }

  onBodySent(chunk: unknown): void {
    this.inner.onBodySent?.(chunk);
  }

  onRequestSent(): void {
    this.inner.onRequestSent?.();
  }

  #refuse(refusal: RefusedResponse): void {
    if (refusal.at === 'head') this.inner.onResponseStarted?.();
    this.observer.responseRefused(this.record, this.attempt);
    // Closes the connection and passes the error on.
    this.#abort?.(refusal.createError());
  }

  #fail(error: Error): void {
    const { record, attempt, observer } = this;
    if (this.channel.wasNotProcessed?.(error) === true) observer.streamRefused(record, attempt);
    const isLost = (error as NodeJS.ErrnoException).code === 'ECONNRESET' && !this.#hasHead;
    if (isLost && this.channel.wasReused?.(this) === true) observer.reusedConnectionLost(record);
    observer.attemptFailed(record, attempt, error, this.#hasHead);
    this.inner.onError(error);
  }

  #ended(): void {
    this.observer.outstanding.delete(this.attempt);
  }
}
