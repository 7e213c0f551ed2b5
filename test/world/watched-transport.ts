/** A transport that tells its program of every attempt, and whether it may have been sent. */
import type { TransportFactory, WireHandler, WireRequest } from 'binding-clerk';
import type { AttemptRecord, CallRecord } from './oracle.js';

/** Who is told. */
export interface AttemptWatcher {
  /** Requests whose end no handler has heard of. */
  readonly outstanding: Set<AttemptRecord>;
  recordOf(callId: string): CallRecord | undefined;
  attempted(record: CallRecord, endpoint: string): AttemptRecord;
  sent(record: CallRecord, attempt: AttemptRecord): void;
  /** The endpoint has given the request back unprocessed. */
  withdrawn(record: CallRecord, attempt: AttemptRecord): void;
  usesSecondAddress(): void;
  violate(promise: string, what: string): void;
}

export function watched(factory: TransportFactory, program: AttemptWatcher): TransportFactory {
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
            const attempt = program.attempted(record, endpoint.id);
            program.outstanding.add(attempt);
            const over = (): void => void program.outstanding.delete(attempt);
            const failed = (error: Error): void => {
              over();
              if (channel.withdrew?.(error) === true) program.withdrawn(record, attempt);
            };
            channel.dispatch(
              request,
              noting(handler, () => program.sent(record, attempt), over, failed),
              cautious,
            );
          },
          connect: () => channel.connect(),
          probe: (limitMs) => channel.probe(limitMs),
          withdrew: (error) => channel.withdrew?.(error) ?? false,
          renew: () => channel.renew(),
          nextAddress: (from) => channel.nextAddress(from),
          close: () => channel.close(),
          destroy: (error) => channel.destroy(error),
        };
      },
    };
  };
}

function callIdOf({ headers }: WireRequest): string {
  return (headers as Record<string, string>)['X-Call-Id'] ?? '';
}

/** Passes everything on, and notes when the request may have left and when it is over. */
function noting(
  handler: WireHandler,
  onSent: () => void,
  onOver: () => void,
  onFailed: (error: Error) => void,
): WireHandler {
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
