/**
 * Processes that descend from a launched program. A process that begins a session of its own and clears its environment
 * is found neither by process group nor by marker. It is found by its parent while that lives, so the trees are looked
 * at repeatedly, and by the log file of the launch at its standard output.
 */
import { readlinkSync } from 'node:fs';
import { processStats, readStat, type ProcessStat } from './process-table.js';
import { systemClock } from './system-clock.js';

const fastPollMs = 100;
const slowPollMs = 2_000;
/** The tree of a new program is looked at often for this time. */
const fastForMs = 10_000;

interface Tree {
  readonly startedAt: number;
  readonly logFile: string | undefined;
  /** Start times of all processes that were ever seen in the tree, by pid. */
  readonly members: Map<number, string>;
}

export class Descendants {
  readonly #trees = new Map<number, Tree>();
  #isPolling = false;

  /** @param logFile - standard output and standard error of the program */
  track(leader: number, logFile: string | undefined): void {
    this.#trees.set(leader, { startedAt: systemClock.now(), logFile, members: membersOf(leader) });
    this.#poll();
  }

  /** Looks at all processes once more, also for the log file. Call it when the leader has just ended, and before a signal. */
  async refresh(leader: number): Promise<void> {
    const stats = await processStats();
    const tree = this.#tree(leader);
    if (tree.logFile !== undefined)
      for (const stat of stats) if (writes(stat.pid, tree.logFile)) add(tree, stat);
    grow(tree, stats);
  }

  /** Pids of the living processes of a tree that are known, without the leader. */
  living(leader: number): readonly number[] {
    const { members } = this.#tree(leader);
    return [...members].flatMap(([pid, started]) =>
      pid !== leader && readStat(pid)?.startedTicks === started ? [pid] : [],
    );
  }

  /** A program of an earlier server has no tree yet. */
  #tree(leader: number): Tree {
    let tree = this.#trees.get(leader);
    if (tree === undefined) {
      tree = { startedAt: -Infinity, logFile: undefined, members: membersOf(leader) };
      this.#trees.set(leader, tree);
      this.#poll();
    }
    return tree;
  }

  #poll(): void {
    if (this.#isPolling || this.#trees.size === 0) return;
    this.#isPolling = true;
    const now = systemClock.now();
    const isFast = [...this.#trees.values()].some(({ startedAt }) => now - startedAt < fastForMs);
    const look = async (): Promise<void> => {
      const stats = await processStats();
      for (const [leader, tree] of this.#trees) {
        grow(tree, stats);
        const isOver = readStat(leader) === undefined && this.living(leader).length === 0;
        if (isOver && systemClock.now() - tree.startedAt > fastForMs) this.#trees.delete(leader);
      }
    };
    systemClock
      .setTimer(
        () =>
          void look().finally(() => {
            this.#isPolling = false;
            this.#poll();
          }),
        isFast ? fastPollMs : slowPollMs,
      )
      .setRef(false);
  }
}

function membersOf(leader: number): Map<number, string> {
  const started = readStat(leader)?.startedTicks;
  return new Map(started === undefined ? [] : [[leader, started]]);
}

function grow(tree: Tree, stats: readonly ProcessStat[]): void {
  for (const { pid, startedTicks } of stats)
    // The pid now belongs to another process.
    if ((tree.members.get(pid) ?? startedTicks) !== startedTicks) tree.members.delete(pid);
  for (let size = -1; size !== tree.members.size;) {
    size = tree.members.size;
    for (const stat of stats)
      if ([stat.parent, stat.session, stat.group].some((pid) => tree.members.has(pid))) add(tree, stat);
  }
}

function add({ members }: Tree, { pid, startedTicks }: ProcessStat): void {
  if (pid !== process.pid && pid !== 1) members.set(pid, startedTicks);
}

function writes(pid: number, file: string): boolean {
  return [1, 2].some((descriptor) => {
    try {
      return readlinkSync(`/proc/${String(pid)}/fd/${String(descriptor)}`) === file;
    } catch {
      return false;
    }
  });
}
