/** An endpoint in the program's hands: chosen, counted as busy, and given back with a word on how it went. */
import type { Reachable } from './core/candidate.js';
import type { Endpoint } from './core/endpoint.js';
import { ClerkError } from './core/errors.js';
import type { Verdict } from './core/outcome.js';
import { inUse } from './invoke/conversation.js';
import type { BindingSite } from './site.js';

/** An endpoint that was chosen and is counted as busy until it is released. */
export interface Held extends Disposable, AsyncDisposable {
  /** Whom to talk to. */
  readonly endpoint: Endpoint;
  /** Aborted when the endpoint is set aside, is gone, or the clerk is closed. */
  readonly signal: AbortSignal;
  /** Gives it back and says how it went. Only the first call counts; disposing without it is `ignored`. */
  release(verdict: Verdict): void;
}

const verdicts: readonly Verdict[] = ['success', 'failure', 'ignored'];

/** Counts a candidate as busy until it is released. */
export function hold(site: BindingSite, candidate: Reachable): Held {
  const controller = new AbortController();
  const { target } = site;
  let released = false;
  const beganAt = site.clock.now();
  site.enter();
  site.health.began(candidate);
  const watch = (): void => {
    const members = target.table.members as readonly Reachable[];
    if (candidate.status === 'closed' || !members.includes(candidate))
      stop(
        new ClerkError('NO_ENDPOINT', `${candidate.endpoint.id} of ${site.name} was set aside or is gone`),
      );
  };
  const stop = (reason: unknown): void => controller.abort(reason);
  const onClosed = (): void => stop(target.shared.signal.reason);
  target.watchers.add(watch);
  target.shared.signal.addEventListener('abort', onClosed);
  const release = (verdict: Verdict): void => {
    if (!verdicts.includes(verdict)) {
      throw new ClerkError('CONFIG_INVALID', `release() of ${site.name} needs one of ${verdicts.join(', ')}`);
    }
    if (released) return;
    released = true;
    target.watchers.delete(watch);
    target.shared.signal.removeEventListener('abort', onClosed);
    const now = site.clock.now();
    if (verdict === 'success') site.health.answered(candidate, undefined, now);
    else if (verdict === 'failure') site.health.failed(candidate, 'status', beganAt, now);
    site.health.ended(candidate);
    site.leave();
  };
  return {
    endpoint: inUse(candidate),
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
