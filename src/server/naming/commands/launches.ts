/** Commands that change launch records. Each start of a service has one launch record. */
import { ClerkError } from '../../../core/errors.js';
import type { LaunchIntent, LaunchRecord } from '../../ports.js';
import type { NamingView } from '../state/naming-view.js';
import { epochCounterOf } from './fencing.js';
import { noChange, type Plan } from './naming-command.js';

export function recordIntent(view: NamingView, intent: LaunchIntent & Pick<LaunchRecord, 'owner'>): Plan {
  const { name, instance } = intent;
  if (view.entry(name)?.kind !== 'service')
    throw new ClerkError(
      'NAME_NOT_FOUND',
      `${name} cannot be started: no service has this name; define the service first`,
    );
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
      { kind: 'counter', name, record: { ...counter, epoch } },
      { kind: 'launch', name, id: instance, record: launch },
    ],
    appliesInMs: 0,
    epoch,
    launch,
  };
}

/** A redeemed ticket stays redeemed, even if `record.redeemed` is false. The enrolled key does not change. */
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
  };
  return { changes: [{ kind: 'launch', name, id: instance, record: next }], appliesInMs: 0 };
}

export function removeLaunch(view: NamingView, name: string, instance: string): Plan {
  if (view.launch(name, instance) === undefined) return noChange;
  return { changes: [{ kind: 'launch', name, id: instance, record: undefined }], appliesInMs: 0 };
}
