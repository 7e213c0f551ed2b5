/**
 * Finds the processes that descend from a launched program. A process that starts its own session and clears its
 * environment has neither the process group nor the environment marker of the launch. Such a process is found by its
 * parent while the parent is alive, so the process table is polled. The process is also found if its standard output is
 * the log file of the launch.
 */
import { readlinkSync } from 'node:fs';
import { processStats, readAnyStat, readStat, type ProcessStat } from './process-table.js';
import { systemClock } from './system-clock.js';

const fastPollMs = 100;
const slowPollMs = 2_000;
/** Time after the start of a program in which the process table is polled every 100 ms. */
const fastForMs = 10_000;

interface Tree {
  readonly startedAt: number;
  /** Start time of the leader, in clock ticks from boot. NaN if the leader had ended before the tree was created. */
  readonly leaderTicks: number;
  readonly logFile: string | undefined;
  /** Start times of all processes that were ever seen in the tree, by pid. */
  readonly members: Map<number, string>;
}

export class Descendants {
  readonly #trees = new Map<number, Tree>();
  #isPolling = false;

  /** @param logFile - file for standard output and standard error of the program */
  track(leader: number, logFile: string | undefined): void {
    this.#trees.set(leader, newTree(leader, systemClock.now(), logFile));
    this.#poll();
  }

  /**
   * Reads the process table once more, and also finds processes that write to the log file. Must be called when the
   * leader has ended, and before a signal is sent.
   */
  async refresh(leader: number): Promise<void> {
    const stats = await processStats();
    const tree = this.#tree(leader);
    const { logFile } = tree;
    if (logFile !== undefined) {
      // Another program may have started a child since the last poll. First add the child to the tree of that program.
      for (const each of this.#trees.values()) if (each.logFile === logFile) grow(each, stats);
      for (const stat of stats)
        if (this.#lastStartedBefore(stat, logFile) === tree && writes(stat.pid, logFile)) add(tree, stat);
    }
    grow(tree, stats);
  }

  /**
   * Returns the tree of a process that writes to the log file, which all programs of a service share. Prefers the tree
   * that already contains the process. Otherwise returns the tree of the last program that was started before the
   * process.
   */
  #lastStartedBefore({ pid, startedTicks }: ProcessStat, logFile: string): Tree | undefined {
    const trees = [...this.#trees.values()].filter((tree) => tree.logFile === logFile);
    return (
      trees.find(({ members }) => members.get(pid) === startedTicks) ??
      trees
        .filter(({ leaderTicks }) => leaderTicks <= Number(startedTicks))
        .sort((a, b) => a.leaderTicks - b.leaderTicks)
        .at(-1)
    );
  }

  /** Returns the pids of all known living processes of a tree, without the leader. */
  living(leader: number): readonly number[] {
    const { members } = this.#tree(leader);
    return [...members].flatMap(([pid, started]) =>
      pid !== leader && readStat(pid)?.startedTicks === started ? [pid] : [],
    );
  }

  /**
   * Returns the tree of a leader. Creates a missing tree, for example for a program that was started before
   * this server process.
   */
  #tree(leader: number): Tree {
    let tree = this.#trees.get(leader);
    if (tree === undefined) {
      tree = newTree(leader, -Infinity, undefined);
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

function newTree(leader: number, startedAt: number, logFile: string | undefined): Tree {
  const started = readStat(leader)?.startedTicks;
  const members = new Map(started === undefined ? [] : [[leader, started]]);
  return { startedAt, leaderTicks: Number(readAnyStat(leader)?.startedTicks ?? NaN), logFile, members };
}

function grow(tree: Tree, stats: readonly ProcessStat[]): void {
  for (const { pid, startedTicks } of stats)
    // Remove a pid that now belongs to another process.
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
