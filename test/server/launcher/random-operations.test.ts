/** Random launches, stops, resets, exits and server restarts in virtual time, with invariants after each step. */
import { expect, test } from 'vitest';
import { seededRandom } from '../../../src/testing/seeded-random.js';
import type { Launcher } from '../../../src/server/ports.js';
import { FakeHost, completeManifest, minimalManifest, outcomeOf } from './fake-host.js';
import type { FakeProcess } from './fake-processes.js';

const seeds = 150;
const steps = 60;

class RandomRun {
  readonly host = new FakeHost();
  readonly #random: () => number;
  readonly #pending = new Set<Promise<string>>();
  #launcher: Launcher | undefined;
  settled = 0;
  restarts = 0;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    this.host.manifests.set('orders', completeManifest(`${minimalManifest}maxInstances: 1\n`));
    this.host.processes.onSpawn = (process) => this.#behave(process);
    this.host.names.gate = async () => {
      if (this.#chance(0.3)) await this.#sleep(this.#upTo(30));
    };
  }

  async run(): Promise<void> {
    this.#launcher = await this.host.open();
    for (let step = 0; step < steps; step++) {
      await this.#randomStep();
      await this.host.clock.advance(this.#upTo(this.#chance(0.2) ? 6_000 : 300));
      this.#checkInvariants();
    }
    await this.#checkSettled();
  }

  /** After a minute without requests, all promises have settled and the records match the running processes. */
  async #checkSettled(): Promise<void> {
    this.host.names.gate = async () => {};
    await this.host.clock.advance(60_000);
    expect(this.#pending.size).toBe(0);
    const running = this.host.processes.all.filter(({ isAlive }) => isAlive);
    const recorded = this.host.names.launches.all();
    expect(recorded.map(({ pid }) => pid)).toEqual(running.map(({ pid }) => pid));
    const callable = this.host.names.resolve('/shop/orders').endpoints;
    expect(callable.map(({ id }) => id)).toEqual(running.map(({ handshake }) => handshake.instance));
    expect(this.host.processes.alive).toBe(running.length);
    this.#request('stop');
    await this.host.clock.advance(20_000);
    expect(this.host.processes.alive).toBe(0);
    expect(this.host.names.launches.all()).toEqual([]);
  }

  /** At most one process runs, as the manifest says, and epochs only grow. */
  #checkInvariants(): void {
    const leaders = this.host.processes.all.filter(({ isAlive }) => isAlive);
    expect(leaders.length).toBeLessThan(2);
    const epochs = this.host.processes.all.map(({ handshake }) => handshake.epoch);
    expect(new Set(epochs).size).toBe(epochs.length);
    expect(epochs).toEqual([...epochs].sort((a, b) => a - b));
  }

  async #randomStep(): Promise<void> {
    const roll = this.#random();
    if (roll < 0.55) this.#request('launch', 1 + this.#upTo(5));
    else if (roll < 0.65) this.#request('stop');
    else if (roll < 0.72) this.#request('reset');
    else if (roll < 0.85) this.host.processes.all.at(-1)?.exit(1);
    else {
      this.restarts++;
      await this.#launcher?.close();
      // A process may exit while no launcher runs.
      if (this.#chance(0.3)) this.host.processes.all.at(-1)?.exit(null, 'SIGKILL');
      await this.host.clock.advance(this.#upTo(2_000));
      const opening = this.host.open();
      await this.host.clock.advance(100);
      this.#launcher = await opening;
    }
  }

  #request(what: 'launch' | 'stop' | 'reset', times = 1): void {
    const name = '/shop/orders';
    const launcher = this.#launcher!;
    for (let i = 0; i < times; i++) {
      const waitMs = this.#chance(0.3) ? this.#upTo(1_000) : undefined;
      const outcome =
        what === 'launch'
          ? this.host.startLaunch(launcher, waitMs)
          : what === 'reset'
            ? outcomeOf(launcher.reset({ name }))
            : launcher.stop({ name }).then(
                ({ stopped }) => String(stopped),
                (error: unknown) => String(error),
              );
      this.#pending.add(outcome);
      void outcome.then(() => {
        this.#pending.delete(outcome);
        this.settled++;
      });
    }
  }

  #behave(process: FakeProcess): void {
    process.ignoresSigterm = this.#chance(0.2);
    if (this.#chance(0.2)) process.detachedChildren = 1;
    if (this.#chance(0.2)) process.children = 1;
    if (this.#chance(0.1)) return;
    const crashes = this.#chance(0.3);
    const action = (): void => (crashes ? process.exit(3) : this.host.register(process));
    this.host.clock.setTimer(action, this.#upTo(this.#chance(0.1) ? 5_000 : 400));
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.host.clock.setTimer(resolve, ms));
  }

  #chance(probability: number): boolean {
    return this.#random() < probability;
  }

  #upTo(max: number): number {
    return Math.floor(this.#random() * (max + 1));
  }
}

test(`${String(seeds)} seeds: at most one process, growing epochs, every caller gets a result, and nothing is left behind`, async () => {
  let [settled, restarts, started] = [0, 0, 0];
  for (let seed = 1; seed <= seeds; seed++) {
    const run = new RandomRun(seed);
    await run.run().catch((error: unknown) => {
      throw new Error(`Seed ${String(seed)}: ${String(error)}\n${run.host.names.journal.join('\n')}`, {
        cause: error,
      });
    });
    settled += run.settled;
    restarts += run.restarts;
    started += run.host.processes.all.length;
  }
  expect(settled).toBeGreaterThan(seeds * 50);
  expect(restarts).toBeGreaterThan(seeds * 5);
  expect(started).toBeGreaterThan(seeds * 3);
});
