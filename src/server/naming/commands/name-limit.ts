import { ClerkError } from '../../../core/errors.js';
import type { NamingView } from '../state/naming-view.js';
import type { Plan, PlanContext } from './naming-command.js';

/**
 * Rejects a plan that adds names above the maximum. A plan that adds no names is never rejected, even above the
 * maximum.
 *
 * @throws {@link ClerkError} `LIMIT_EXCEEDED`
 */
export function checkNameCount(view: NamingView, { changes }: Plan, { maxNames }: PlanContext): void {
  const exists = new Map<string, boolean>();
  let added = 0;
  for (const change of changes) {
    if (change.kind !== 'entry') continue;
    const { name, record } = change;
    const before = exists.get(name) ?? view.entry(name) !== undefined;
    exists.set(name, record !== undefined);
    added += Number(record !== undefined) - Number(before);
  }
  if (added <= 0 || view.entryCount + added <= maxNames) return;
  throw new ClerkError(
    'LIMIT_EXCEEDED',
    `The registry can have at most ${maxNames} names, which the change exceeds; remove names, or raise the limit with --max-names`,
  );
}
