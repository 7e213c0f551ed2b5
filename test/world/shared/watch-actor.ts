import type { OpenWatch } from '../../../src/server/ports.js';
import type { WatchEvent } from '../../../src/protocol/watch-messages.js';
import type { ServerProcess } from '../../server/shared-log/shared-servers.js';
import type { SharedWorld } from './shared-world.js';

/** A client that follows all links, and moves to another server when its own is gone or silent. */
export class Watcher {
  readonly view = new Map<string, string>();
  readonly #world: SharedWorld;
  readonly #glob: string;
  #since: { readonly incarnation: string; readonly revision: string } | undefined;
  #watch: OpenWatch | undefined;
  #process: ServerProcess | undefined;
  #position = '';
  #moves = 0;
  #isSnapshot = false;
  #lastEventAt = 0;
  #snapshotNames = new Set<string>();

  constructor(world: SharedWorld, glob: string) {
    this.#world = world;
    this.#glob = glob;
  }

  async run(untilMs: number): Promise<void> {
    const world = this.#world;
    while (world.now < untilMs) {
      const isDead =
        this.#process === undefined || this.#process.isKilled || !world.slots.includes(this.#process);
      const isSilent = world.now - this.#lastEventAt > 13_000;
      if (isDead || isSilent || world.random() < 0.02) this.#move();
      await world.wait(300);
    }
  }

  #move(): void {
    const world = this.#world;
    const process = world.pick(world.slots);
    if (process === undefined || !process.isRunning) return;
    const old = this.#process;
    const oldWatch = this.#watch;
    if (old !== undefined && oldWatch !== undefined && old.isRunning) oldWatch.close();
    world.count('watch moved');
    this.#process = process;
    this.#lastEventAt = world.now;
    const move = ++this.#moves;
    // A client sends its position, so the server first reads the log to that point.
    const open = (): void => {
      if (this.#moves !== move) return;
      const watch = process.names.watch({
        id: 'w',
        globs: [this.#glob],
        since: this.#since,
        onEvent: (event, revision) => {
          if (this.#moves === move) this.#onEvent(event, revision);
        },
      });
      this.#watch = watch;
    };
    this.#watch = undefined;
    process.run(() => {
      const ready = process.names.checkPositions(this.#position);
      if (ready === undefined) open();
      else void ready.then(() => process.run(open));
    });
  }

  #onEvent(event: WatchEvent, revision: string): void {
    const world = this.#world;
    this.#lastEventAt = world.now;
    const seen = Number(this.#since?.revision ?? 0);
    const isOlder = Number(revision) < seen;
    if (event.type === 'open') {
      this.#isSnapshot = !event.resumed;
      this.#snapshotNames = new Set();
      world.count(event.resumed ? 'watch resumed' : 'watch snapshot');
      return;
    }
    if (event.type === 'resync') {
      this.#isSnapshot = true;
      this.#snapshotNames = new Set();
      return;
    }
    if (isOlder && !this.#isSnapshot && event.type !== 'heartbeat')
      world.violate(`a watch went back from ${seen} to ${revision}`);
    if (event.type === 'put' || event.type === 'delete') this.#onChange(event, Number(revision), seen);
    if (event.type === 'current' && this.#isSnapshot) {
      for (const name of [...this.view.keys()]) if (!this.#snapshotNames.has(name)) this.view.delete(name);
      this.#isSnapshot = false;
    }
    if (event.type === 'put' && this.#isSnapshot) return;
    const process = this.#process;
    if (process === undefined) return;
    this.#since = { incarnation: process.names.status().incarnation, revision };
    this.#position = process.names.position;
  }

  #onChange(event: Extract<WatchEvent, { type: 'put' | 'delete' }>, revision: number, seen: number): void {
    const world = this.#world;
    const { name } = event;
    const target = event.type === 'put' && event.entry.kind === 'link' ? event.entry.target : undefined;
    this.#snapshotNames.add(name);
    // An event has the present state of the name. Its revision is lower while other names of the batch follow.
    const present = Number(this.#process?.names.status().revision);
    const truth = world.truth.targetAt(name, present);
    if (target !== truth)
      world.violate(
        `a watch shows ${name} -> ${target ?? 'nothing'} at revision ${present}; it was ${truth ?? 'nothing'}`,
      );
    const isRepeated = this.view.get(name) === target && world.truth.targetAt(name, seen) === target;
    const wasChanged = world.truth.changedAfter(name, seen) < Infinity;
    if (isRepeated && !this.#isSnapshot && !wasChanged)
      world.violate(`a watch repeats ${name} at revision ${revision}`);
    if (target === undefined) this.view.delete(name);
    else this.view.set(name, target);
    world.count('watch event');
  }
}
