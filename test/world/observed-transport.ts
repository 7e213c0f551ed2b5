/** A transport that tells its program of every attempt, and whether it may have been sent. */
import type { TransportFactory, RequestHandler, TransportRequest } from 'binding-clerk/extend';
import type { AttemptRecord, CallRecord } from './oracle.js';

/** Who is told. */
export interface AttemptObserver {
  /** Requests whose end no handler has heard of. */
  readonly outstanding: Set<AttemptRecord>;
  recordOf(callId: string): CallRecord | undefined;
  attemptStarted(record: CallRecord, endpoint: string): AttemptRecord;
  requestSent(record: CallRecord, attempt: AttemptRecord): void;
  /** The endpoint has given the request back unprocessed. */
  streamRefused(record: CallRecord, attempt: AttemptRecord): void;
  usesSecondAddress(): void;
  violate(promise: string, what: string): void;
}

export function observedTransport(factory: TransportFactory, program: AttemptObserver): TransportFactory {
  return (options, clock) => {
    const inner = factory(options, clock);
    return {
      open(endpoint, addresses, authority) {
        const channel = inner.open(endpoint, addresses, authority);
        return {
          get address() {
            return channel.address;
          },
          dispatch(request, handler, cautious) {
            const record = program.recordOf(callIdOf(request));
            if (record === undefined) throw new Error(`A request that no call made: ${request.path}`);
            if (cautious !== (record.kind === 'once')) {
              program.violate(
                'C3.3',
                `${record.id} is '${record.kind}' and is sent on the wrong connections`,
              );
            }
            if (channel.address !== addresses[0]) program.usesSecondAddress();
            const attempt = program.attemptStarted(record, endpoint.id);
            program.outstanding.add(attempt);
            const over = (): void => void program.outstanding.delete(attempt);
            const failed = (error: Error): void => {
              over();
              if (channel.wasNotProcessed?.(error) === true) program.streamRefused(record, attempt);
            };
            channel.dispatch(
              request,
              observingHandler(handler, () => program.requestSent(record, attempt), over, failed),
              cautious,
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

/** Passes everything on, and notes when the request may have left and when it is over. */
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
