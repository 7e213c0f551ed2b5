import { registration } from '../../server/naming/name-server-harness.js';
import type { NameInput, NameOutput } from '../../support/linearizability/registry-model.js';
import type { Operation } from '../../support/linearizability/find-linearization.js';
import { renewAt } from '../../server/shared-log/shared-servers.js';
import type { SharedWorld } from './shared-world.js';

interface Lease {
  readonly epoch: number;
  readonly leaseMs: number;
  /** When the server received the last renewal that it has acknowledged. */
  renewedAt: number;
  isWithdrawn: boolean;
}

/** Checks that no lease ends early, and collects what registrations return. */
export class LeaseLedger {
  readonly registrations: Operation<NameInput, NameOutput>[] = [];
  readonly #leases = new Map<string, Lease>();

  constructor(world: SharedWorld) {
    world.onAppended(({ at, changes }) => {
      for (const change of changes) {
        if (change.kind !== 'endpoint' || change.record !== undefined) continue;
        const lease = this.#leases.get(`${change.name} ${change.id}`);
        if (lease === undefined || lease.isWithdrawn) continue;
        const earlyMs = lease.renewedAt + lease.leaseMs - at;
        // An engine that ends the session of a live server breaks the port. The endpoint then registers again.
        if (earlyMs > 0 && at - world.revokedAt > 15_000)
          world.violate(`lease of ${change.name} ${change.id} ended ${Math.round(earlyMs)} ms early`);
        world.count('expiry');
      }
    });
  }

  set(name: string, id: string, lease: Lease): void {
    this.#leases.set(`${name} ${id}`, lease);
  }
}

/** A service that registers, renews at one server until that fails, and sometimes withdraws or dies. */
export async function runService(
  world: SharedWorld,
  ledger: LeaseLedger,
  name: string,
  id: string,
  untilMs: number,
): Promise<void> {
  let slot = Math.floor(world.random() * world.slots.length);
  const caller = { principal: `address:${id}` };
  const leaseMs = world.pick([3_000, 6_000, 15_000]);
  let held: { readonly epoch: number; readonly secret: string; readonly lease: Lease } | undefined;
  while (world.now < untilMs) {
    if (held === undefined) {
      const calledAt = world.now;
      const answer = await world.request(world.slots[slot], (names) =>
        names.register(registration(name, id, { leaseMs }), caller),
      );
      const isKnown = answer.kind === 'response';
      if (isKnown) {
        ledger.registrations.push({
          input: { kind: 'register', key: name },
          output: answer.value.epoch,
          calledAt,
          returnedAt: world.now,
        });
        const { epoch, secret } = answer.value;
        held = { epoch, secret, lease: { epoch, leaseMs, renewedAt: answer.handledAt, isWithdrawn: false } };
        ledger.set(name, id, held.lease);
        world.count('registered');
      } else {
        slot = (slot + 1) % world.slots.length;
        await world.wait(world.between(50, 500));
        continue;
      }
    }
    await world.wait((leaseMs / 3) * world.between(0.9, 1.1));
    const { epoch, secret, lease } = held;
    if (world.random() < 0.02) {
      lease.isWithdrawn = true;
      await world.request(world.slots[slot], (names) =>
        names.withdraw({ name, id, epoch, secret, now: true }, caller),
      );
      held = undefined;
      continue;
    }
    for (let tries = 0; tries < world.slots.length; tries++) {
      const answer = await world.request(world.slots[slot], (names) =>
        renewAt(names, { renewals: [{ name, id, epoch, secret }] }, caller),
      );
      if (answer.kind === 'response') {
        const [result] = answer.value.results;
        world.count(`renewal ${result ?? ''}`);
        if (result === 'renewed') lease.renewedAt = Math.max(lease.renewedAt, answer.handledAt);
        else held = undefined;
        break;
      }
      slot = (slot + 1) % world.slots.length;
    }
  }
}
