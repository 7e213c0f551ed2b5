/** A launcher under chance: callers, operators, programs and the server itself do what they like, in virtual time. */
import { expect, test } from 'vitest';
import { seededRandom } from '../../../src/testing/seeded-random.js';
import type { Launcher } from '../../../src/server/ports.js';
import { FakeHost, completeManifest, minimalManifest, outcomeOf } from './fake-host.js';
import type { FakeProcess } from './fake-processes.js';

const seeds = 150;
const steps = 60;

class Chance {
  readonly host = new FakeHost();
  readonly #random: () => number;
  readonly #open = new Set<Promise<string>>();
  #launcher: Launcher | undefined;
  settled = 0;
  restarts = 0;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    this.host.manifests.set('orders', completeManifest(`${minimalManifest}maxInstances: 1\n`));
    this.host.processes.onSpawn = (process) => this.#behaves(process);
    this.host.names.gate = async () => {
      if (this.#chance(0.3)) await this.#wait(this.#upTo(30));
    };
  }

  async run(): Promise<void> {
    this.#launcher = await this.host.open();
    for (let step = 0; step < steps; step++) {
      await this.#step();
      await this.host.clock.advance(this.#upTo(this.#chance(0.2) ? 6_000 : 300));
      this.#holds();
    }
    await this.#rests();
  }

  /** After a while without anybody, everything is settled, and what is recorded is what runs. */
  async #rests(): Promise<void> {
    this.host.names.gate = async () => {};
    await this.host.clock.advance(60_000);
    expect(this.#open.size).toBe(0);
    const running = this.host.processes.all.filter(({ isAlive }) => isAlive);
    const recorded = this.host.names.launches.all();
    expect(recorded.map(({ pid }) => pid)).toEqual(running.map(({ pid }) => pid));
    const callable = this.host.names.resolve('/shop/orders').endpoints;
    expect(callable.map(({ id }) => id)).toEqual(running.map(({ handshake }) => handshake.instance));
    expect(this.host.processes.alive).toBe(running.length);
    this.#all('stop');
    await this.host.clock.advance(20_000);
    expect(this.host.processes.alive).toBe(0);
    expect(this.host.names.launches.all()).toEqual([]);
  }

  /** At no time do two of them live: the manifest says so. */
  #holds(): void {
    const leaders = this.host.processes.all.filter(({ isAlive }) => isAlive);
    expect(leaders.length).toBeLessThan(2);
    const epochs = this.host.processes.all.map(({ handshake }) => handshake.epoch);
    expect(new Set(epochs).size).toBe(epochs.length);
    expect(epochs).toEqual([...epochs].sort((a, b) => a - b));
  }

  async #step(): Promise<void> {
    const dice = this.#random();
    if (dice < 0.55) this.#all('launch', 1 + this.#upTo(5));
    else if (dice < 0.65) this.#all('stop');
    else if (dice < 0.72) this.#all('reset');
    else if (dice < 0.85) this.host.processes.all.at(-1)?.exit(1);
    else {
      this.restarts++;
      await this.#launcher?.close();
      // Whatever ends while nobody looks.
      if (this.#chance(0.3)) this.host.processes.all.at(-1)?.exit(null, 'SIGKILL');
      await this.host.clock.advance(this.#upTo(2_000));
      const opening = this.host.open();
      await this.host.clock.advance(100);
      this.#launcher = await opening;
    }
  }

  #all(what: 'launch' | 'stop' | 'reset', times = 1): void {
    const name = '/shop/orders';
    const launcher = this.#launcher!;
    for (let i = 0; i < times; i++) {
      const waitMs = this.#chance(0.3) ? this.#upTo(1_000) : undefined;
      const going =
        what === 'launch'
          ? this.host.startLaunch(launcher, waitMs)
          : what === 'reset'
            ? outcomeOf(launcher.reset({ name }))
            : launcher.stop({ name }).then(
                ({ stopped }) => String(stopped),
                (error: unknown) => String(error),
              );
      this.#open.add(going);
      void going.then(() => {
        this.#open.delete(going);
        this.settled++;
      });
    }
  }

  #behaves(process: FakeProcess): void {
    process.ignoresSigterm = this.#chance(0.2);
    if (this.#chance(0.2)) process.detachedChildren = 1;
    if (this.#chance(0.2)) process.children = 1;
    if (this.#chance(0.1)) return;
    const crashes = this.#chance(0.3);
    const act = (): void => (crashes ? process.exit(3) : this.host.register(process));
    this.host.clock.setTimer(act, this.#upTo(this.#chance(0.1) ? 5_000 : 400));
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => void this.host.clock.setTimer(resolve, ms));
  }

  #chance(of: number): boolean {
    return this.#random() < of;
  }

  #upTo(most: number): number {
    return Math.floor(this.#random() * (most + 1));
  }
}

test(`${String(seeds)} seeds: one process at most, rising epochs, everybody is answered, and nothing is left behind`, async () => {
  let [settled, restarts, started] = [0, 0, 0];
  for (let seed = 1; seed <= seeds; seed++) {
    const chance = new Chance(seed);
    await chance.run().catch((error: unknown) => {
      throw new Error(`Seed ${String(seed)}: ${String(error)}\n${chance.host.names.journal.join('\n')}`, {
        cause: error,
      });
    });
    settled += chance.settled;
    restarts += chance.restarts;
    started += chance.host.processes.all.length;
  }
  expect(settled).toBeGreaterThan(seeds * 50);
  expect(restarts).toBeGreaterThan(seeds * 5);
  expect(started).toBeGreaterThan(seeds * 3);
});
