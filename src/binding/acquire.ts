/** An endpoint in the program's hands: chosen, counted as busy, and given back with a word on how it went. */
import type { ConnectedCandidate } from '../core/candidate.js';
import type { Endpoint } from '../core/endpoint.js';
import { ClerkError } from '../core/errors.js';
import type { Verdict } from '../core/outcome.js';
import { withActiveAddress } from '../invoke/reserve-endpoint.js';
import type { ServiceCallContext } from './service-call-context.js';

/** An endpoint that was chosen and is counted as busy until it is released. */
export interface AcquiredEndpoint extends Disposable, AsyncDisposable {
  /** Whom to talk to. */
  readonly endpoint: Endpoint;
  /** Aborted when the endpoint is set aside, is gone, or the clerk is closed. */
  readonly signal: AbortSignal;
  /** Gives it back and says how it went. Only the first call counts; disposing without it is `ignored`. */
  release(verdict: Verdict): void;
}

const verdicts: readonly Verdict[] = ['success', 'failure', 'ignored'];

/** Counts a candidate as busy until it is released. */
export function acquireEndpoint(
  context: ServiceCallContext,
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
        new ClerkError('NO_ENDPOINT', `${candidate.endpoint.id} of ${context.name} was set aside or is gone`),
      );
  };
  const abort = (reason: unknown): void => controller.abort(reason);
  const onClosed = (): void => abort(service.clerk.closeSignal.reason);
  service.changeListeners.add(onChange);
  service.clerk.closeSignal.addEventListener('abort', onClosed);
  const release = (verdict: Verdict): void => {
    if (!verdicts.includes(verdict)) {
      throw new ClerkError(
        'CONFIG_INVALID',
        `release() of ${context.name} needs one of ${verdicts.join(', ')}`,
      );
    }
    if (released) return;
    released = true;
    service.changeListeners.delete(onChange);
    service.clerk.closeSignal.removeEventListener('abort', onClosed);
    const now = context.clock.now();
    if (verdict === 'success') context.health.responseReceived(candidate, undefined, now);
    else if (verdict === 'failure') context.health.attemptFailed(candidate, 'status', acquiredAt, now);
    context.health.attemptEnded(candidate);
    context.finishCall();
  };
  return {
    endpoint: withActiveAddress(candidate),
    signal: controller.signal,
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
