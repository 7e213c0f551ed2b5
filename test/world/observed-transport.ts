import type { TransportFactory, RequestHandler, TransportRequest } from 'binding-clerk/extend';
import type { AttemptRecord, CallRecord } from './oracle.js';

/** Receives all attempts of an {@link observedTransport}. */
export interface AttemptObserver {
  /** Requests whose handler has not been called at the end. */
  readonly outstanding: Set<AttemptRecord>;
  recordOf(callId: string): CallRecord | undefined;
  attemptStarted(record: CallRecord, endpoint: string): AttemptRecord;
  requestSent(record: CallRecord, attempt: AttemptRecord): void;
  /** The endpoint rejected the request with REFUSED_STREAM. */
  streamRefused(record: CallRecord, attempt: AttemptRecord): void;
  usesSecondAddress(): void;
  violate(clause: string, what: string): void;
}

/** A transport that reports every attempt, and whether the request may have been sent. */
export function observedTransport(factory: TransportFactory, observer: AttemptObserver): TransportFactory {
  return (options, clock) => {
    const inner = factory(options, clock);
    return {
      open(endpoint, addresses, authority) {
        const channel = inner.open(endpoint, addresses, authority);
        return {
          get address() {
            return channel.address;
          },
          dispatch(request, handler, freshOnly) {
            const record = observer.recordOf(callIdOf(request));
            if (record === undefined) throw new Error(`Request ${request.path} belongs to no call`);
            if (freshOnly !== (record.kind === 'once')) {
              observer.violate(
                'C3.3',
                `${record.id} is '${record.kind}' and is sent with the wrong freshOnly`,
              );
            }
            if (channel.address !== addresses[0]) observer.usesSecondAddress();
            const attempt = observer.attemptStarted(record, endpoint.id);
            observer.outstanding.add(attempt);
            const ended = (): void => void observer.outstanding.delete(attempt);
            const failed = (error: Error): void => {
              ended();
              if (channel.wasNotProcessed?.(error) === true) observer.streamRefused(record, attempt);
            };
            channel.dispatch(
              request,
              observingHandler(handler, () => observer.requestSent(record, attempt), ended, failed),
              freshOnly,
            );
          },
          connect: () => channel.connect(),
          probe: (limitMs) => channel.probe(limitMs),
          wasNotProcessed: (error) => channel.wasNotProcessed?.(error) ?? false,
          resetConnections: () => channel.resetConnections(),
          nextAddress: (from) => channel.nextAddress(from),
          close: () => channel.close(),
          destroy: (error) => channel.destroy(error),
        };
      },
    };
  };
}

function callIdOf({ headers }: TransportRequest): string {
  return (headers as Record<string, string>)['X-Call-Id'] ?? '';
}

/** Passes all calls on, and reports when the request may have been sent and when it has ended. */
function observingHandler(
  handler: RequestHandler,
  onSent: () => void,
  onOver: () => void,
  onFailed: (error: Error) => void,
): RequestHandler {
  return {
    onConnect(abort, context) {
      let aborted = false;
      handler.onConnect((reason) => {
        aborted = true;
        abort(reason);
      }, context);
      if (!aborted) onSent();
    },
    onHeaders: (...head) => handler.onHeaders(...head),
    onData: (chunk) => handler.onData(chunk),
    onComplete(trailers) {
      onOver();
      handler.onComplete(trailers);
    },
    onError(error) {
      onFailed(error);
      handler.onError(error);
    },
    onUpgrade: (...upgrade) => handler.onUpgrade(...upgrade),
    onResponseStarted: () => handler.onResponseStarted?.(),
    onBodySent: (...sizes) => handler.onBodySent?.(...sizes),
    onRequestSent: () => handler.onRequestSent?.(),
  };
}
