import { AsyncResource } from 'node:async_hooks';
import { describeValue } from '../core/describe-value.js';
import type { ConnectedCandidate } from '../core/candidate.js';
import type { Endpoint } from '../core/endpoint.js';
import type { EndpointTls } from '../core/endpoint-tls.js';
import { ClerkError, copyError } from '../core/errors.js';
import type { Verdict } from '../core/outcome.js';
import { withActiveAddress } from '../invoke/reserve-endpoint.js';
import type { BindingCallContext } from './binding-call-context.js';

/**
 * The result of {@link Binding.acquire}. Until `release` is called, the endpoint counts as having one more attempt in
 * flight.
 */
export interface AcquiredEndpoint extends Disposable, AsyncDisposable {
  /** The endpoint. Its `address` is the address that the connection uses. */
  readonly endpoint: Endpoint;
  /**
   * Aborts when the endpoint is ejected, when the registry removes the endpoint, or when the clerk is destroyed.
   * `clerk.close()` waits until the endpoint is released, and aborts the signal only after `closeTimeoutMs`. Listeners
   * run in the async context in which `acquire` was called.
   */
  readonly signal: AbortSignal;
  /**
   * Options for `tls.connect` that let the connection succeed only if the endpoint proves its key. Undefined for an
   * endpoint without keys. @see [C7.3](../../docs/guarantees.md#c7-3)
   */
  readonly tls: EndpointTls | undefined;
  /**
   * Ticket for the service, valid on connections that use `tls`. Undefined for an endpoint without keys, and if the
   * option `tickets` of the clerk is `off`.
   */
  readonly ticket: string | undefined;
  /**
   * Releases the endpoint. Only the first call has an effect. Disposing the object is the same as
   * `release('ignored')`.
   *
   * @param verdict - how the work at the endpoint ended; `success` and `failure` affect the health of the endpoint
   * @throws {@link ClerkError} `CONFIG_INVALID` when the verdict is invalid
   */
  release(verdict: Verdict): void;
}

const verdicts: readonly Verdict[] = ['success', 'failure', 'ignored'];

export function acquireEndpoint(
  context: BindingCallContext,
  candidate: ConnectedCandidate,
): AcquiredEndpoint {
  const controller = new AbortController();
  const { service } = context;
  let released = false;
  const acquiredAt = context.clock.now();
  context.startCall();
  context.health.attemptStarted(candidate);
  const onChange = (): void => {
    const members = service.table.members as readonly ConnectedCandidate[];
    if (candidate.status === 'closed' || !members.includes(candidate))
      abort(
        new ClerkError(
          'NO_ENDPOINT',
          `Endpoint ${candidate.endpoint.id} of ${context.name} was ejected by the clerk, or removed from the registry; release the endpoint and acquire another one`,
        ),
      );
  };
  const abort = AsyncResource.bind((reason: unknown): void => controller.abort(reason));
  const onClosed = (): void => abort(copyError(service.clerk.closeSignal.reason));
  service.changeListeners.add(onChange);
  service.clerk.closeSignal.addEventListener('abort', onClosed);
  const release = (verdict: Verdict): void => {
    if (!verdicts.includes(verdict)) {
      throw new ClerkError(
        'CONFIG_INVALID',
        `Verdict given to release() of ${context.name} must be one of ${verdicts.join(', ')}; got ${describeValue(verdict)}`,
      );
    }
    if (released) return;
    released = true;
    service.changeListeners.delete(onChange);
    service.clerk.closeSignal.removeEventListener('abort', onClosed);
    const now = context.clock.now();
    if (verdict === 'success') context.health.responseReceived(candidate, undefined, now);
    else if (verdict === 'failure') context.health.attemptFailed(candidate, 'failure', acquiredAt, now);
    context.health.attemptEnded(candidate, false);
    context.finishCall();
  };
  return {
    endpoint: withActiveAddress(candidate),
    signal: controller.signal,
    tls: context.tlsFor(candidate.endpoint),
    ticket: context.ticketFor(candidate.endpoint),
    release,
    [Symbol.dispose]: () => {
      release('ignored');
    },
    [Symbol.asyncDispose]: () => {
      release('ignored');
      return Promise.resolve();
    },
  };
}
