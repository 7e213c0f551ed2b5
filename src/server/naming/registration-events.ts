import type { CallActivity } from '../../core/call-activity.js';
import { isStarting } from './state/record-codec.js';
import type { StateChange } from './state/records.js';

type RegisteredListener = (name: string, id: string, epoch: number) => void;
type UnreachableListener = (id: string) => void;
type ActivityListener = (id: string, activity: CallActivity) => void;

/** Events about registrations for the launcher. Includes registrations at other servers of a shared log. */
export class RegistrationEvents {
  readonly #registered = new Set<RegisteredListener>();
  readonly #unreachable = new Set<UnreachableListener>();
  readonly #activity = new Set<ActivityListener>();

  onRegistered(listener: RegisteredListener): () => void {
    return addTo(this.#registered, listener);
  }

  onUnreachable(listener: UnreachableListener): () => void {
    return addTo(this.#unreachable, listener);
  }

  onActivity(listener: ActivityListener): () => void {
    return addTo(this.#activity, listener);
  }

  get hasUnreachableListener(): boolean {
    return this.#unreachable.size > 0;
  }

  /** @param id - instance whose endpoint accepts calls */
  emitRegistered(name: string, id: string, epoch: number): void {
    for (const listener of this.#registered) listener(name, id, epoch);
  }

  emitUnreachable(id: string): void {
    for (const listener of this.#unreachable) listener(id);
  }

  emitActivity(id: string, activity: CallActivity): void {
    for (const listener of this.#activity) listener(id, activity);
  }

  /** @param changes - changes that another server has written */
  emitForeign(changes: readonly StateChange[]): void {
    for (const change of changes)
      if (change.kind === 'report' && change.verdict === 'unreachable') this.emitUnreachable(change.id);
      else if (
        change.kind === 'endpoint' &&
        change.record?.draining === false &&
        !isStarting(change.record.json)
      )
        this.emitRegistered(change.name, change.id, change.record.epoch);
  }
}

function addTo<T>(listeners: Set<T>, listener: T): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}
