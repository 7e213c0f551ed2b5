/** Commands that change launch records. Each start of a service has one launch record. */
import { ClerkError } from '../../../core/errors.js';
import type { LaunchRecord } from '../../ports.js';
import type { NamingView } from '../state/naming-view.js';
import { epochCounterOf } from './fencing.js';
import type { StateChange } from '../state/records.js';
import { noChange, type NamingCommand, type Plan, type PlanContext } from './naming-command.js';

/**
 * Records the intent to start a service. Of several servers, only one starts the service: the server whose intent is
 * first in the log. Also removes the intents of servers that have ended, so processes that those servers started
 * cannot register any more.
 *
 * @see [C6.1](../../../../docs/guarantees.md#c6-1), [C6.2](../../../../docs/guarantees.md#c6-2)
 */
export function recordIntent(
  view: NamingView,
  { record: intent, conditions }: Extract<NamingCommand, { readonly kind: 'record-intent' }>,
  context: PlanContext,
): Plan {
  const { name, instance } = intent;
  if (view.entry(name)?.kind !== 'service')
    throw new ClerkError(
      'NAME_NOT_FOUND',
      `${name} cannot be started: no service has this name; define the service first`,
    );
  const others = pendingElsewhere(view, name, context.server);
  if (context.server !== undefined && conditions?.isBeside === false) {
    if (others.some(({ server = '' }) => context.isServerGone?.(server) !== true)) return noChange;
    if (hasUsefulEndpoint(view, name, conditions.deadIds)) return noChange;
  }
  const counter = epochCounterOf(view, name);
  const epoch = counter.epoch + 1;
  const launch: LaunchRecord = {
    ...intent,
    epoch,
    state: 'intent',
    pid: undefined,
    startTicks: undefined,
    redeemed: false,
  };
  return {
    changes: [
      ...others
        .filter(({ server = '' }) => context.isServerGone?.(server) === true)
        .map((other): StateChange => ({ kind: 'launch', name, id: other.instance, record: undefined })),
      { kind: 'counter', name, record: { ...counter, epoch } },
      { kind: 'launch', name, id: instance, record: launch },
    ],
    appliesInMs: 0,
    epoch,
    launch,
  };
}

/** Returns the launches of other servers whose instance has not registered yet. */
export function pendingElsewhere(
  view: NamingView,
  name: string,
  own: string | undefined,
): readonly LaunchRecord[] {
  if (own === undefined) return [];
  return [...view.launches()].filter(
    (launch) => launch.name === name && launch.server !== own && !launch.redeemed,
  );
}

/** Includes starting endpoints, because they will soon accept calls. */
function hasUsefulEndpoint(view: NamingView, name: string, deadIds: readonly string[]): boolean {
  for (const { id, draining } of view.endpoints(name)) if (!draining && !deadIds.includes(id)) return true;
  return false;
}

/**
 * Replaces a launch record. The enrolled key and a redeemed ticket stay as they are, because the caller may have read
 * `record` before the redemption.
 */
export function updateLaunch(view: NamingView, record: LaunchRecord): Plan {
  const { name, instance } = record;
  const before = view.launch(name, instance);
  if (before === undefined)
    throw new ClerkError(
      'NAME_NOT_FOUND',
      `The start of ${name} as instance ${instance} has no launch record`,
    );
  const { key: _, ...own } = record;
  const next = {
    ...own,
    ...(before.key && { key: before.key }),
    ...(before.redeemed && { redeemed: true, registryKey: '' }),
    ...(before.redeemed && before.addresses && { addresses: before.addresses }),
    ...(before.redeemed && before.hostId !== undefined && { hostId: before.hostId }),
  };
  return { changes: [{ kind: 'launch', name, id: instance, record: next }], appliesInMs: 0 };
}

export function removeLaunch(view: NamingView, name: string, instance: string): Plan {
  if (view.launch(name, instance) === undefined) return noChange;
  return { changes: [{ kind: 'launch', name, id: instance, record: undefined }], appliesInMs: 0 };
}
