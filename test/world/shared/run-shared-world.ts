import { unlinearizableKeys, type Operation } from '../../support/linearizability/find-linearization.js';
import { nameModel, type NameInput, type NameOutput } from '../../support/linearizability/registry-model.js';
import { runGuaranteedLinks, runLinker, withKnownLinks } from './link-actors.js';
import { LeaseLedger, runService } from './service-actor.js';
import { SharedWorld } from './shared-world.js';
import { Watcher } from './watch-actor.js';

export interface SharedRun {
  readonly violations: readonly string[];
  readonly counts: Readonly<Record<string, number>>;
}

/** After the last fault and the last request, this suffices for every lease, pending change and session to end. */
const settleMs = 120_000;

/** Runs services, clients and watches over three servers with faults, and checks what they have seen. */
export async function runSharedWorld({
  seed,
  durationMs,
}: {
  readonly seed: number;
  readonly durationMs: number;
}): Promise<SharedRun> {
  const world = new SharedWorld({ seed, servers: 3 });
  await world.startAll();
  const untilMs = world.now + durationMs;
  const ledger = new LeaseLedger(world);
  const operations: Operation<NameInput, NameOutput>[] = [];
  const keys = ['/k/a', '/k/b', '/k/c', '/k/d'];
  const watchers = [new Watcher(world, '/k/*'), new Watcher(world, '/k/*')];
  world.disturb(untilMs);
  for (let i = 0; i < 8; i++)
    void runService(world, ledger, `/s/${i % 3}`, `i${i}`, untilMs - world.between(0, durationMs / 2));
  for (let i = 0; i < 4; i++) void runLinker(world, operations, keys, `/own/${i}`, untilMs);
  void runGuaranteedLinks(world, ['/g/a', '/g/b'], untilMs);
  for (const watcher of watchers) void watcher.run(untilMs + settleMs);
  await world.servers.runtime.advance(durationMs + settleMs);
  checkEnd(world, watchers);
  const failed = unlinearizableKeys(nameModel, [
    ...withKnownLinks(world, operations),
    ...ledger.registrations,
  ]);
  for (const key of failed) world.violate(`the history of ${key} is not linearizable`);
  return { violations: world.violations, counts: Object.fromEntries(world.counts) };
}

/** All servers and watches agree, and no endpoint outlives its service. */
function checkEnd(world: SharedWorld, watchers: readonly Watcher[]): void {
  const running = world.slots.filter((process) => process !== undefined);
  if (running.length !== world.slots.length) world.violate('a server does not run at the end');
  const contents = running.map(({ names }) =>
    JSON.stringify([names.list('/**', undefined, 1_000).entries, names.status().revision]),
  );
  if (new Set(contents).size !== 1) world.violate(`the servers differ: ${contents.join(' | ')}`);
  const [first] = running;
  const endpoints = first?.names.status().endpoints ?? 0;
  if (endpoints > 0) world.violate(`${endpoints} endpoints are left although no service renews`);
  const links = first?.names.list('/k/*', undefined, 100).entries ?? [];
  const expected = links.map(({ name, target }) => `${name} -> ${target ?? ''}`).join();
  for (const { view } of watchers) {
    const seen = [...view]
      .map(([name, target]) => `${name} -> ${target}`)
      .sort()
      .join();
    if (seen !== expected) world.violate(`a watch shows ${seen}; the names are ${expected}`);
  }
}
