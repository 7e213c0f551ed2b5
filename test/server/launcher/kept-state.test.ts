/** What a launcher keeps of thousands of launches, failed starts and stops of ever new services, in virtual time. */
import { getEventListeners, setMaxListeners } from 'node:events';
import { queryObjects } from 'node:v8';
import { expect, test } from 'vitest';
import { IdleStop } from '../../../src/server/launcher/idle-stop.js';
import { Launch } from '../../../src/server/launcher/launch.js';
import { ServiceStart } from '../../../src/server/launcher/service-start.js';
import { ServiceSupervisor } from '../../../src/server/launcher/service-supervisor.js';
import { SharedStart } from '../../../src/server/launcher/shared-start.js';
import type { Launcher } from '../../../src/server/ports.js';
import { FakeHost, completeManifest, minimalManifest, outcomeOf } from './fake-host.js';

const perRound = 40;
const rounds = 25;

const classes = { Launch, ServiceStart, SharedStart, IdleStop, AbortSignal, WeakRef };

/** Numbers of objects that the garbage collector must keep. */
const living = (): Readonly<Record<string, number>> =>
  Object.fromEntries(
    Object.entries(classes).map(([name, constructor]) => [
      name,
      queryObjects(constructor, { format: 'count' }),
    ]),
  );

class Rounds {
  readonly host = new FakeHost();
  /** Of a server that runs for long. */
  readonly closing = new AbortController();
  #names = 0;

  constructor() {
    const { host } = this;
    setMaxListeners(0, this.closing.signal);
    host.manifests.set(
      'orders',
      completeManifest(`${minimalManifest}maxInstances: 1000\nidleStopMs: 1000\n`),
    );
    host.processes.onSpawn = (process) => {
      const number = Number(/\d+$/.exec(process.handshake.name)?.[0]);
      // Every fourth program hangs, and every fourth one crashes.
      if (number % 4 === 3) return;
      host.clock.setTimer(() => {
        if (number % 4 === 2) process.exit(3);
        else host.register(process);
      }, 50);
    };
  }

  /** Starts new services, of which some fail and some end, stops them, and removes their names. */
  async run(launcher: Launcher): Promise<void> {
    const { clock, names, processes, lines } = this.host;
    const services = Array.from({ length: perRound }, () => `/shop/n${String(this.#names++)}`);
    for (const name of services) names.define(name, { manifest: 'orders' });
    const outcomes = services.flatMap((name) => [
      outcomeOf(launcher.launch({ name }, this.closing.signal)),
      outcomeOf(launcher.launch({ name, waitMs: 100 }, this.closing.signal)),
    ]);
    await clock.advance(5_000);
    const settled = await Promise.all(outcomes);
    expect(settled.filter((outcome) => outcome === 'started')).toHaveLength(perRound / 2);
    expect(settled.filter((outcome) => outcome.startsWith('START_FAILED'))).toHaveLength((perRound * 3) / 4);
    // Half of the services that run end without a request to stop.
    for (const [index, process] of processes.all.entries()) if (index % 2 === 0) process.exit(1);
    await clock.advance(1_000);
    for (const name of services) void launcher.stop({ name });
    await clock.advance(20_000);
    expect([processes.alive, names.launches.all()]).toEqual([0, []]);
    for (const map of [names.rules, names.endpoints, names.epochs]) map.clear();
    for (const list of [processes.all, names.journal, lines]) list.length = 0;
  }
}

test(`${String(perRound * rounds)} launches, failed starts and stops of ever new services leave nothing behind`, async () => {
  const all = new Rounds();
  const launcher = await all.host.open();
  await all.run(launcher);
  const before = living();
  for (let round = 0; round < rounds; round++) await all.run(launcher);
  const after = living();
  expect(after).toMatchObject({ Launch: 0, ServiceStart: 0, SharedStart: 0, IdleStop: 0 });
  // The runner of the tests has some of the others.
  for (const [name, count] of Object.entries(after))
    expect(count - (before[name] ?? 0)).toBeLessThan(rounds / 2);
  expect(all.host.clock.pendingTimers).toBe(0);
  expect(getEventListeners(all.closing.signal, 'abort')).toEqual([]);
  // Those of the last services whose start failed remain until others start.
  expect(queryObjects(ServiceSupervisor, { format: 'count' })).toBeLessThan(2 * perRound);
});

test('the failed start of a service that exists is remembered, however many others start', async () => {
  const all = new Rounds();
  const launcher = await all.host.open();
  all.host.names.define('/shop/failing2', { manifest: 'orders' });
  expect(await all.host.launch(launcher, undefined, '/shop/failing2')).toMatch(/^START_FAILED/);
  for (let i = 0; i < 20; i++) {
    all.host.names.define(`/shop/n${String(4 * i)}`, { manifest: 'orders' });
    void all.host.startLaunch(launcher, undefined, `/shop/n${String(4 * i)}`);
  }
  await all.host.clock.advance(100);
  expect(await outcomeOf(launcher.launch({ name: '/shop/failing2' }, undefined))).toMatch(
    /can be started again in/,
  );
});
