import type { Operation } from '../../support/linearizability/find-linearization.js';
import type { NameInput, NameOutput } from '../../support/linearizability/registry-model.js';
import type { SharedWorld } from './shared-world.js';

/** Links, removals and reads of names without guarantees, for the check of linearizability. */
export async function runLinker(
  world: SharedWorld,
  operations: Operation<NameInput, NameOutput>[],
  keys: readonly string[],
  own: string,
  untilMs: number,
): Promise<void> {
  for (let i = 0; world.now < untilMs; i++) {
    const key = world.pick(keys);
    const kind = world.pick(['link', 'remove', 'read'] as const);
    const target = `${own}/t${i}`;
    const calledAt = world.now;
    const process = world.pick(world.slots);
    const answer = await world.request(process, async (names): Promise<NameOutput> => {
      if (kind === 'link') {
        await names.link({ name: key, target, guaranteedMs: 0 });
        return 'ok';
      }
      if (kind === 'remove') {
        await names.remove({ name: key });
        return 'ok';
      }
      // The state of the server is that of the head at some instant during this change.
      await names.define({ name: own, timeoutMs: 1_000 + i, guaranteedMs: 0 });
      return names.list(key, undefined, 10).entries.find(({ name }) => name === key)?.target ?? 'absent';
    });
    const isUnknown =
      answer.kind === 'silence' || (answer.kind === 'error' && answer.code !== 'NAME_NOT_FOUND');
    const wasNotSent = answer.kind === 'error' && answer.code === 'refused';
    if (!wasNotSent && !(kind === 'read' && isUnknown))
      operations.push({
        input: kind === 'link' ? { kind, key, target } : { kind, key },
        output: isUnknown ? undefined : answer.kind === 'response' ? answer.value : 'absent',
        calledAt,
        returnedAt: world.now,
      });
    world.count(isUnknown ? `${kind} unknown` : kind);
    await world.wait(world.between(20, 900));
  }
}

/** The log shows when a link with an unknown outcome was made, since no other has its target. One that it lacks is left out. */
export function withKnownLinks(
  world: SharedWorld,
  operations: readonly Operation<NameInput, NameOutput>[],
): readonly Operation<NameInput, NameOutput>[] {
  return operations.flatMap((operation) => {
    const { input, output } = operation;
    if (input.kind !== 'link' || output !== undefined) return [operation];
    const madeAt = world.truth.madeAt(input.key, input.target);
    return madeAt === undefined ? [] : [{ ...operation, output: 'ok', returnedAt: madeAt }];
  });
}

/** Changes links with guarantees, and looks them up at all servers. */
export async function runGuaranteedLinks(
  world: SharedWorld,
  names: readonly string[],
  untilMs: number,
): Promise<void> {
  const given: {
    readonly name: string;
    readonly revision: number;
    readonly sentAt: number;
    readonly untilAt: number;
  }[] = [];
  world.onAppended(({ at, changes }) => {
    for (const change of changes) {
      if (change.kind !== 'entry' || !names.includes(change.name)) continue;
      for (const { name, revision, untilAt } of given) {
        if (name !== change.name || world.truth.changedAfter(name, revision) !== at) continue;
        if (untilAt > at)
          world.violate(`${name} changed ${Math.round(untilAt - at)} ms before its guarantee ended`);
      }
    }
  });
  const change = async (): Promise<void> => {
    for (let i = 0; i < 5; i++) {
      const target = { name: `/target/${i}`, guaranteedMs: 10_000 };
      while (
        (await world.request(world.pick(world.slots), (server) => server.define(target))).kind !== 'response'
      );
    }
    for (let i = 0; world.now < untilMs; i++) {
      const guaranteedMs = world.pick([1_000, 3_000, 8_000]);
      const answer = await world.request(world.pick(world.slots), (server) =>
        server.link({ name: world.pick(names), target: `/target/${i % 5}`, guaranteedMs, whenExpired: true }),
      );
      world.count(answer.kind === 'response' ? 'guaranteed link' : 'refused guaranteed link');
      await world.wait(world.between(100, 4_000));
    }
  };
  const look = async (): Promise<void> => {
    while (world.now < untilMs) {
      const name = world.pick(names);
      const sentAt = world.now;
      const answer = await world.request(world.pick(world.slots), (server) => {
        const at = world.now;
        const json = server.resolveJson(name);
        const status = server.status();
        return {
          found: json === undefined ? undefined : (JSON.parse(json) as Lookup),
          revision: Number(status.revision),
          at,
        };
      });
      if (answer.kind === 'response') {
        const { found, revision, at } = answer.value;
        world.count(found?.stale === true ? 'stale lookup' : 'lookup');
        if (found !== undefined) {
          const ageMs = found.ageMs ?? Infinity;
          if (revision < world.truth.revisionAt(at - ageMs))
            world.violate(`a lookup of ${name} is older than ${ageMs} ms`);
          if (found.guaranteedMs > 0) {
            const untilAt = sentAt + found.guaranteedMs;
            world.count('guarantee');
            const changedAt = world.truth.changedAfter(name, revision);
            if (changedAt <= world.now && changedAt < untilAt)
              world.violate(
                `${name} had changed ${Math.round(untilAt - changedAt)} ms before its guarantee ended`,
              );
            given.push({ name, revision, sentAt, untilAt });
          }
        }
      }
      await world.wait(world.between(5, 150));
    }
  };
  await Promise.all([change(), look(), look(), look()]);
}

interface Lookup {
  readonly guaranteedMs: number;
  readonly ageMs?: number;
  readonly stale?: true;
}
