import type { CallActivity } from '../../../src/core/call-activity.js';
import { ClerkError } from '../../../src/core/errors.js';
import type { LaunchRecord, NameService } from '../../../src/server/ports.js';
import type { LauncherNameService } from '../../../src/server/launcher/launcher-context.js';
import type { EndpointMessage } from '../../../src/protocol/lookup-messages.js';
import type { LaunchRule } from '../../../src/protocol/naming-messages.js';
import type { RegisterRequest } from '../../../src/protocol/registration-messages.js';
import { systemHashing } from '../../../src/runtime/hashing.js';

/** The part of the name service that a launcher needs, in memory. Its records outlive a launcher. */
export class FakeNameService implements LauncherNameService {
  readonly rules = new Map<string, LaunchRule | undefined>();
  readonly links = new Map<string, string>();
  readonly endpoints = new Map<string, EndpointMessage[]>();
  readonly records = new Map<string, LaunchRecord>();
  readonly epochs = new Map<string, number>();
  /** Registrations, withdrawals and intents, in order. */
  readonly journal: string[] = [];
  /** Awaited by each change of the launch records. */
  gate: () => Promise<void> = async () => {};
  readonly #listeners = new Set<(name: string, id: string, epoch: number) => void>();

  define(name: string, rule?: LaunchRule): void {
    this.rules.set(name, rule);
  }

  canonical(name: string): string {
    const target = this.links.get(name) ?? name;
    if (!this.rules.has(target)) throw new ClerkError('NAME_NOT_FOUND', `Service ${name} does not exist`);
    return target;
  }

  canonicalOf(name: string): string {
    return this.links.get(name) ?? name;
  }

  formerNames(): readonly string[] {
    return [];
  }

  launchRule(name: string): ReturnType<NameService['launchRule']> {
    const canonical = this.canonical(name);
    return { canonical, rule: this.rules.get(canonical) };
  }

  resolve(name: string): ReturnType<NameService['resolve']> {
    const canonical = this.canonical(name);
    const all = this.endpoints.get(canonical) ?? [];
    const starting = all.filter(({ state }) => state === 'starting');
    return {
      name,
      canonical,
      kind: 'service',
      path: [],
      endpoints: all.filter(({ state }) => state !== 'starting'),
      ...(starting.length > 0 && { starting }),
      policy: null,
      launchable: true,
      revision: '1',
      incarnation: 'a',
      guaranteedMs: 5_000,
      ttlMs: 5_000,
    };
  }

  /** Registers an endpoint as a started service does. */
  register({ name, id, epoch = 0, addresses, hostId, ticket, state = 'up' }: RegisterRequest): void {
    const record = [...this.records.values()].find(
      ({ ticketHash }) => ticket !== undefined && ticketHash === systemHashing.sha256(ticket),
    );
    if (ticket !== undefined) {
      if (!record || record.redeemed || record.instance !== id || record.epoch !== epoch)
        throw new ClerkError('TICKET_REFUSED', 'The ticket is invalid');
      this.records.set(record.instance, {
        ...{ ...record, redeemed: true, registryKey: '', addresses },
        ...(hostId !== undefined && { hostId }),
      });
    }
    const endpoint: EndpointMessage = {
      ...{ id, epoch, addresses, host: null, zone: null, version: null },
      ...{ weight: 1, attributes: {}, leaseMs: 10_000, state },
      ...(hostId !== undefined && { hostId }),
    };
    const others = (this.endpoints.get(name) ?? []).filter((other) => other.id !== id);
    this.endpoints.set(name, [...others, endpoint]);
    this.journal.push(`registered ${name}`);
    if (state === 'up') for (const listener of this.#listeners) listener(name, id, epoch);
  }

  async withdraw({ name, id, now }: Parameters<NameService['withdraw']>[0]) {
    this.journal.push(now === true ? `withdrawn ${name}` : `draining ${name}`);
    const others = (this.endpoints.get(name) ?? []).filter((endpoint) => endpoint.id !== id);
    const withdrawn = (this.endpoints.get(name) ?? []).find((endpoint) => endpoint.id === id);
    if (withdrawn && now !== true) others.push({ ...withdrawn, state: 'draining' });
    this.endpoints.set(name, others);
    const { appliesInMs } = this;
    return { revision: '1', incarnation: 'a', appliesInMs: now === true ? 0 : appliesInMs };
  }

  /** For how long clients may still call a draining endpoint, in ms. */
  appliesInMs = 0;
  readonly suspects = new Set<string>();
  readonly #unreachableListeners = new Set<(id: string) => void>();

  isSuspect(_name: string, id: string): boolean {
    return this.suspects.has(id);
  }

  onUnreachable(listener: (id: string) => void): () => void {
    this.#unreachableListeners.add(listener);
    return () => this.#unreachableListeners.delete(listener);
  }

  /** Reports that a client cannot reach an instance. */
  report(id: string): void {
    for (const listener of this.#unreachableListeners) listener(id);
  }

  readonly #storeListeners = new Set<(failure: ClerkError) => void>();

  onStoreFailed(listener: (failure: ClerkError) => void): () => void {
    this.#storeListeners.add(listener);
    return () => this.#storeListeners.delete(listener);
  }

  /** A write to the store fails. */
  storeFailed(failure: ClerkError): void {
    for (const listener of this.#storeListeners) listener(failure);
  }

  readonly #activityListeners = new Set<(id: string, activity: CallActivity) => void>();

  onActivity(listener: (id: string, activity: CallActivity) => void): () => void {
    this.#activityListeners.add(listener);
    return () => this.#activityListeners.delete(listener);
  }

  /** A service renews its registration and states its calls. */
  renewed(id: string, activity: CallActivity): void {
    for (const listener of this.#activityListeners) listener(id, activity);
  }

  onRegistered(listener: (name: string, id: string, epoch: number) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  readonly launches: NameService['launches'] = {
    all: () => [...this.records.values()],
    recordIntent: async (record) => {
      await this.gate();
      const epoch = (this.epochs.get(record.name) ?? 0) + 1;
      this.epochs.set(record.name, epoch);
      const complete: LaunchRecord = {
        ...{ ...record, epoch, state: 'intent', redeemed: false },
        ...{ pid: undefined, startTicks: undefined, owner: 'folder' },
      };
      this.records.set(record.instance, complete);
      this.journal.push(`intended ${record.name} ${epoch}`);
      return complete;
    },
    isStartingElsewhere: () => false,
    update: async (record) => {
      await this.gate();
      if (!this.records.has(record.instance))
        throw new ClerkError('NAME_NOT_FOUND', 'The launch does not exist');
      this.records.set(record.instance, record);
    },
    remove: async (_name, instance) => {
      await this.gate();
      this.records.delete(instance);
    },
  };
}
