import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { ClerkError } from '../../../src/core/errors.js';
import { maxWaiters } from '../../../src/server/launcher/shared-start.js';
import { FakeHost, completeManifest, minimalManifest, outcomeOf } from './fake-host.js';

test('200 concurrent callers share one start, and one of them is reported as the starter', async () => {
  const host = new FakeHost();
  const launcher = await host.open();
  const callers = Array.from({ length: 200 }, () => host.startLaunch(launcher));
  await host.clock.advance(199);
  const late = host.startLaunch(launcher);
  await host.clock.advance(1);
  const outcomes = await Promise.all([...callers, late]);
  expect(outcomes.filter((outcome) => outcome === 'started')).toHaveLength(1);
  expect(outcomes.filter((outcome) => outcome === 'found')).toHaveLength(200);
  expect(host.processes.all).toHaveLength(1);
  const { endpoints } = await launcher.launch({ name: '/shop/orders' }, undefined);
  expect(endpoints).toMatchObject([{ id: host.processes.all[0]!.handshake.instance, epoch: 1 }]);
  expect(host.processes.all).toHaveLength(1);
  expect(host.clock.pendingTimers).toBe(0);
});

test('a launch request finds an exited process before its parent is notified, and starts the service again', async () => {
  const host = new FakeHost();
  const launcher = await host.open();
  expect(await host.launch(launcher)).toBe('started');
  const notice = host.processes.all[0]!.exitBeforeNotice();
  const caller = host.startLaunch(launcher);
  await host.clock.advance(10);
  notice();
  await host.clock.advance(2_000);
  expect(await caller).toBe('started');
  expect(host.processes.all.map(({ isAlive }) => isAlive)).toEqual([false, true]);
});

test('callers whose look ends the last process of a service share one start', async () => {
  const host = new FakeHost();
  const launcher = await host.open();
  expect(await host.launch(launcher)).toBe('started');
  await host.clock.advance(20_000);
  host.processes.all[0]!.isStopped = true;
  const callers = [host.startLaunch(launcher)];
  // The second caller asks after the end of the process, while the first one still looks at the service.
  for (let ms = 0; ms < 3_000; ms += 10) {
    await host.clock.advance(10);
    if (callers.length < 50) callers.push(host.startLaunch(launcher));
  }
  expect((await Promise.all(callers)).filter((outcome) => outcome === 'started')).toHaveLength(1);
  expect(host.processes.all).toHaveLength(2);
});

test('records the intent before the program is started, and the process afterwards', async () => {
  const host = new FakeHost();
  let open = (): void => {};
  host.names.gate = () => new Promise((resolve) => (open = resolve));
  const launcher = await host.open();
  const caller = host.startLaunch(launcher);
  await host.clock.advance(1_000);
  expect(host.processes.all).toEqual([]);
  host.names.gate = async () => {};
  open();
  await host.clock.advance(0);
  expect(host.processes.all).toHaveLength(1);
  const [record] = host.names.launches.all();
  expect(record).toMatchObject({ state: 'running', pid: 100, startTicks: '0@boot', redeemed: false });
  await host.clock.advance(200);
  expect(await caller).toBe('started');
  expect(host.names.launches.all()).toMatchObject([{ state: 'running', pid: 100, redeemed: true }]);
});

const storeFailure = new ClerkError('REGISTRY_UNREACHABLE', "Data folder '/data' could not be written", {
  remainingMs: 1_000,
});

test('a start that cannot be recorded is refused at once, and is not a failed start of the program', async () => {
  const host = new FakeHost();
  const launcher = await host.open();
  host.names.gate = () => Promise.reject(storeFailure);
  for (let i = 0; i < 5; i++) {
    const outcome = host.startLaunch(launcher);
    await host.clock.advance(0);
    expect(await outcome).toBe(
      "START_FAILED: /shop/orders could not be started: Data folder '/data' could not be written",
    );
  }
  expect(host.processes.all).toEqual([]);
  host.names.gate = async () => {};
  expect(await host.launch(launcher)).toBe('started');
});

test('a start ends at once when its registration cannot be saved', async () => {
  const host = new FakeHost();
  host.programsHang();
  const launcher = await host.open();
  for (let i = 0; i < 4; i++) {
    const launching = launcher.launch({ name: '/shop/orders' }, undefined).catch((error: unknown) => error);
    await host.clock.advance(1_000);
    expect(host.processes.all.at(-1)).toMatchObject({ isAlive: true });
    host.names.storeFailed(storeFailure);
    expect(await launching).toMatchObject({
      code: 'START_FAILED',
      message: expect.stringContaining('/data') as string,
      remainingMs: 1_000,
    });
    await host.clock.advance(5_000);
    expect(host.processes.all.filter(({ isAlive }) => isAlive)).toEqual([]);
  }
  host.programsRegister();
  expect(await host.launch(launcher)).toBe('started');
  host.names.storeFailed(storeFailure);
  await host.clock.advance(5_000);
  expect(host.processes.all.at(-1)).toMatchObject({ isAlive: true });
});

test('a program gets the handshake line, its service name as last argument, and a clean environment', async () => {
  const host = new FakeHost();
  host.manifests.set(
    'orders',
    completeManifest(
      [
        'version: 1',
        'service: /shop/*',
        'exec: /bin/orders',
        'args: ["--port=${port}", "${mode}"]',
        'params: { port: { type: integer, min: -1, max: 65535 }, mode: { type: string } }',
        'env: [LANG, NOT_SET]',
        'cwd: /srv',
      ].join('\n'),
    ),
  );
  host.names.define('/shop/orders', { manifest: 'orders', params: { port: 8080, mode: '$(rm -rf /); `x`' } });
  const launcher = await host.open();
  expect(await host.launch(launcher)).toBe('started');
  const { options, handshake } = host.processes.all[0]!;
  expect(options).toMatchObject({
    file: '/real/bin/orders',
    argv0: '/bin/orders',
    args: ['--port=8080', '$(rm -rf /); `x`', '/shop/orders'],
    cwd: '/srv',
    logFile: undefined,
  });
  expect(options.env).toEqual({
    PATH: '/usr/local/bin:/usr/bin:/bin',
    LANG: 'C',
    CLERK_LAUNCHED: '1',
    CLERK_INSTANCE: handshake.instance,
    CLERK_OWNER: `folder/${handshake.instance}`,
  });
  expect(handshake).toEqual({
    v: 1,
    registry: ['http://127.0.0.1:4711'],
    name: '/shop/orders',
    instance: expect.stringMatching(/^orders-[0-9a-f]{16}$/),
    epoch: 1,
    ticket: expect.stringMatching(/^[0-9a-f]{64}$/),
    registryKey: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
  expect(options.stdin.endsWith('}\n')).toBe(true);
  expect(host.lines.filter((line) => line.includes('starts without'))).toEqual([
    expect.stringMatching(
      /^\/shop\/orders starts without NOT_SET, because .* remove it from env in orders\.yaml$/,
    ),
  ]);
});

test('each launch has its own instance id, epoch, ticket and registry key', async () => {
  const host = new FakeHost();
  const launcher = await host.open();
  for (let i = 0; i < 20; i++) {
    expect(await host.launch(launcher)).toBe('started');
    await launcher.stop({ name: '/shop/orders' }).catch(() => {});
  }
  const lines = host.processes.all.map(({ handshake }) => handshake);
  for (const key of ['instance', 'epoch', 'ticket', 'registryKey'] as const)
    expect(new Set(lines.map((handshake) => handshake[key])).size).toBe(20);
  expect(new Set(lines.flatMap(({ ticket, registryKey }) => [ticket, registryKey])).size).toBe(40);
  const stored = JSON.stringify(host.names.launches.all());
  for (const { ticket } of lines) expect(stored).not.toContain(ticket);
});

test('a registration of the instance without its ticket does not complete the launch', async () => {
  const host = new FakeHost();
  host.programsHang();
  const launcher = await host.open();
  const caller = host.startLaunch(launcher);
  await host.clock.advance(100);
  const { name, instance: id, epoch } = host.processes.all[0]!.handshake;
  host.names.register({ name, id, epoch, addresses: ['http://127.0.0.1:6666'] });
  await host.clock.advance(2_900);
  expect(await caller).toMatch(/^START_FAILED: .* did not register within 3.0 s/);
});

test('a program that exits before it registers fails the start at once, with the end of its log', async () => {
  const host = new FakeHost();
  host.programsCrash(3, 50);
  const launcher = await host.open();
  const callers = [host.startLaunch(launcher), host.startLaunch(launcher, 60_000)];
  await host.clock.advance(50);
  for (const caller of callers)
    expect(await caller).toBe(
      'START_FAILED: /shop/orders could not be started: the process exited with code 3 before the service registered; last output: warming up | Error: the disk is full',
    );
  await host.clock.advance(1);
  expect(host.names.launches.all()).toEqual([]);
});

test('a program that cannot be spawned fails the start with the error of the host', async () => {
  const host = new FakeHost();
  host.processes.onSpawn = () => {
    throw new Error('spawn /real/bin/orders EACCES');
  };
  const launcher = await host.open();
  expect(await host.launch(launcher)).toBe(
    'START_FAILED: /shop/orders could not be started: spawn /real/bin/orders EACCES',
  );
  expect(host.names.launches.all()).toEqual([]);
});

test('a program that does not register in time gets SIGTERM, and SIGKILL after 2 s, with its children', async () => {
  const host = new FakeHost();
  host.processes.onSpawn = (process) => {
    process.ignoresSigterm = true;
    process.children = 2;
    process.detachedChildren = 1;
  };
  const launcher = await host.open();
  const caller = host.startLaunch(launcher);
  await host.clock.advance(2_999);
  expect(host.processes.all[0]!.signals).toEqual([]);
  await host.clock.advance(1);
  expect(await caller).toBe(
    'START_FAILED: /shop/orders could not be started: the service did not register within 3.0 s and was stopped',
  );
  expect(host.processes.all[0]!.signals).toEqual(['SIGTERM']);
  await host.clock.advance(1_950);
  expect(host.processes.alive).toBe(1);
  // The record exists as long as the process.
  expect(host.names.launches.all()).toHaveLength(1);
  await host.clock.advance(100);
  expect(host.processes.all[0]!.signals).toEqual(['SIGTERM', 'SIGKILL']);
  expect(host.processes.alive).toBe(0);
  expect(host.names.launches.all()).toEqual([]);
});

test('a registration after the timeout is withdrawn', async () => {
  const host = new FakeHost();
  host.processes.onSpawn = (process) => {
    process.ignoresSigterm = true;
    host.clock.setTimer(() => host.register(process), 3_500);
  };
  const launcher = await host.open();
  expect(await host.launch(launcher)).toMatch(/did not register/);
  await host.clock.advance(3_000);
  expect(host.names.resolve('/shop/orders').endpoints).toEqual([]);
  expect(host.names.journal).toContain('withdrawn /shop/orders');
});

test('the next start waits until all processes of the previous launch have ended', async () => {
  const host = new FakeHost();
  host.processes.onSpawn = (process) => (process.ignoresSigterm = true);
  const launcher = await host.open();
  expect(await host.launch(launcher)).toMatch(/did not register/);
  await host.clock.advance(1_000);
  host.programsRegister();
  const next = host.startLaunch(launcher);
  await host.clock.advance(900);
  expect(host.processes.all).toHaveLength(1);
  await host.clock.advance(400);
  expect(await next).toBe('started');
  expect(host.processes.alive).toBe(1);
});

test('a crash loop: at most three failed starts in 60 s, growing backoff, and errors with the remaining time', async () => {
  const host = new FakeHost();
  host.programsCrash(1, 0);
  const launcher = await host.open();
  const startedAt: number[] = [];
  const { onSpawn } = host.processes;
  host.processes.onSpawn = (process) => {
    startedAt.push(Math.round(host.clock.now() / 100) / 10);
    onSpawn(process);
  };
  for (let i = 0; i < 2_900; i++) {
    const outcome = host.startLaunch(launcher);
    await host.clock.advance(50);
    expect(await outcome).toMatch(/^START_FAILED: .*Error: the disk is full$/s);
  }
  // Backoff of 1 s and 2 s, then the 60 s window of the first failure; then 8 s and 16 s, and the window again.
  expect(startedAt.map(Math.floor)).toEqual([1, 2, 4, 61, 69, 85, 121]);
  for (const at of startedAt)
    expect(startedAt.filter((other) => other >= at && other < at + 60).length).toBeLessThan(4);
  const refused = await launcher.launch({ name: '/shop/orders' }, undefined).catch((error: unknown) => error);
  expect(refused).toMatchObject({
    code: 'START_FAILED',
    message: expect.stringMatching(
      /^\/shop\/orders can be started again in \d+\.\d s \(start backoff\); the last start failed: the process exited with code 1/,
    ),
  });
  const { remainingMs } = refused as { remainingMs: number };
  await host.clock.advance(remainingMs);
  host.programsRegister();
  expect(await host.launch(launcher)).toBe('started');
});

test('a service that was running is started again at once after it exits, and lookups in between return no endpoint', async () => {
  const host = new FakeHost();
  const launcher = await host.open();
  expect(await host.launch(launcher)).toBe('started');
  host.processes.all[0]!.exit(null, 'SIGKILL');
  await host.clock.advance(0);
  expect(host.names.resolve('/shop/orders').endpoints).toEqual([]);
  expect(await host.launch(launcher)).toBe('started');
  expect(host.processes.all).toHaveLength(2);
  expect(host.lines.join('\n')).toMatch(
    /Service \/shop\/orders \(orders-[0-9a-f]+\) ended without a request to stop: the process was killed by SIGKILL/,
  );
});

test('repeated exits soon after the registration are a crash loop too', async () => {
  const host = new FakeHost();
  const launcher = await host.open();
  const outcomes: string[] = [];
  for (let i = 0; i < 5; i++) {
    outcomes.push(await host.launch(launcher));
    host.processes.all.at(-1)!.exit(1);
    await host.clock.advance(1_000);
  }
  expect(outcomes.slice(0, 3)).toEqual(['started', 'started', 'started']);
  expect(outcomes[3]).toMatch(
    /^START_FAILED: .* \(start backoff\); the last start failed: the process exited/,
  );
  expect(host.processes.all).toHaveLength(3);
});

test('a run of 10 s resets the start backoff', async () => {
  const host = new FakeHost();
  const launcher = await host.open();
  for (let i = 0; i < 6; i++) {
    expect(await host.launch(launcher)).toBe('started');
    await host.clock.advance(10_000);
    host.processes.all.at(-1)!.exit(1);
    await host.clock.advance(0);
  }
});

test('each caller has its own wait limit, and a caller that gives up does not end the start', async () => {
  const host = new FakeHost();
  host.programsRegister(1_000);
  const launcher = await host.open();
  const leaves = new AbortController();
  const first = outcomeOf(launcher.launch({ name: '/shop/orders' }, leaves.signal));
  const stays = new AbortController();
  const second = outcomeOf(launcher.launch({ name: '/shop/orders' }, stays.signal));
  const impatient = host.startLaunch(launcher, 500);
  const patient = host.startLaunch(launcher, 1_500);
  await host.clock.advance(100);
  leaves.abort(new Error('the caller went away'));
  expect(await first).toMatch(/^ABORTED/);
  await host.clock.advance(400);
  expect(await impatient).toBe(
    'DEADLINE_EXCEEDED: /shop/orders did not start within 500 ms; the start continues, so retry to wait longer',
  );
  await host.clock.advance(500);
  expect(await patient).toBe('found');
  expect(await second).toBe('found');
  for (const { signal } of [leaves, stays]) expect(getEventListeners(signal, 'abort')).toEqual([]);
  expect(host.processes.all).toHaveLength(1);
});

test('an already aborted signal rejects the launch at once', async () => {
  const host = new FakeHost();
  const launcher = await host.open();
  expect(await outcomeOf(launcher.launch({ name: '/shop/orders' }, AbortSignal.abort()))).toMatch(/^ABORTED/);
});

test.each([
  [maxWaiters - 1, 0],
  [maxWaiters, 0],
  [maxWaiters + 1, 1],
])('of %i waiting callers, %i are rejected', async (callers, refused) => {
  const host = new FakeHost();
  const launcher = await host.open();
  const outcomes = Array.from({ length: callers }, () => host.startLaunch(launcher));
  await host.clock.advance(300);
  const results = await Promise.all(outcomes);
  expect(results.filter((outcome) => outcome.startsWith('LIMIT_EXCEEDED'))).toHaveLength(refused);
  expect(results.filter((outcome) => outcome === 'found')).toHaveLength(callers - refused - 1);
});

test('an endpoint that was registered otherwise counts as running; a draining one does not', async () => {
  const host = new FakeHost();
  const launcher = await host.open();
  host.names.register({ name: '/shop/orders', id: 'by-hand', epoch: 1, addresses: ['http://127.0.0.1:1'] });
  expect(await host.launch(launcher)).toBe('found');
  await host.names.withdraw({ name: '/shop/orders', id: 'by-hand', epoch: 1 });
  expect(await host.launch(launcher)).toBe('started');
});

test('a launch through a link joins the start of the target service', async () => {
  const host = new FakeHost();
  host.names.links.set('/orders', '/shop/orders');
  const launcher = await host.open();
  const both = [host.startLaunch(launcher), host.startLaunch(launcher, undefined, '/orders')];
  await host.clock.advance(200);
  expect(await Promise.all(both)).toEqual(['started', 'found']);
  expect((await launcher.launch({ name: '/orders' }, undefined)).name).toBe('/orders');
  expect(host.processes.all[0]!.options.args).toEqual(['/shop/orders']);
});

test('a launch rule with a manifest of other services is refused; a manifest of another host is accepted', async () => {
  const launcher = await new FakeHost().open();
  expect(() => launcher.checkRule('/elsewhere', { manifest: 'orders' })).toThrow(
    expect.objectContaining({
      code: 'FORBIDDEN',
      message:
        'Manifest orders starts only services that match /shop/*; got /elsewhere; use another manifest in the launch rule',
    }),
  );
  launcher.checkRule('/shop/other', { manifest: 'orders' });
  launcher.checkRule('/elsewhere', { manifest: 'unknown' });
});

test('rejects services without a launch rule, a manifest, a matching name or valid parameters', async () => {
  const host = new FakeHost();
  host.names.define('/shop/none');
  host.names.define('/shop/other', { manifest: 'unknown' });
  host.names.define('/elsewhere', { manifest: 'orders' });
  host.names.define('/shop/params', { manifest: 'orders', params: { x: 1 } });
  const launcher = await host.open();
  expect(await host.launch(launcher, 0, '/nowhere')).toMatch(/^NAME_NOT_FOUND/);
  expect(await host.launch(launcher, 0, '/shop/none')).toBe(
    'FORBIDDEN: /shop/none has no launch rule; set a launch rule with clerk define /shop/none --launch MANIFEST',
  );
  expect(await host.launch(launcher, undefined, '/shop/other')).toBe(
    'START_FAILED: /shop/other could not be started: manifest unknown did not exist on this host when the server started; add unknown.yaml to the manifest folder and restart the server',
  );
  expect(await host.launch(launcher, undefined, '/elsewhere')).toBe(
    'FORBIDDEN: Manifest orders starts only services that match /shop/*; got /elsewhere; use another manifest in the launch rule',
  );
  expect(await host.launch(launcher, undefined, '/shop/params')).toBe(
    "START_FAILED: /shop/params could not be started: Parameter 'x' is not declared in the manifest; remove the parameter from the launch rule",
  );
  expect(host.processes.all).toEqual([]);
  expect(host.names.epochs.size).toBe(0);
});

test('does not run a program that has changed since the manifest was read', async () => {
  const host = new FakeHost();
  host.extra = { programChangeReason: async () => '/real/bin/orders must not be writable by all users' };
  const launcher = await host.open();
  expect(await host.launch(launcher)).toBe(
    'START_FAILED: /shop/orders could not be started: /real/bin/orders must not be writable by all users',
  );
  expect(host.processes.all).toEqual([]);
});

test('limits the running instances of a manifest over all service names', async () => {
  const host = new FakeHost();
  host.manifests.set('orders', completeManifest(`${minimalManifest}maxInstances: 2\n`));
  for (const name of ['/shop/a', '/shop/b', '/shop/c']) host.names.define(name, { manifest: 'orders' });
  const launcher = await host.open();
  expect(await host.launch(launcher, undefined, '/shop/a')).toBe('started');
  expect(await host.launch(launcher, undefined, '/shop/b')).toBe('started');
  expect(await host.launch(launcher, undefined, '/shop/c')).toBe(
    'START_FAILED: /shop/c could not be started: manifest orders has reached its limit of 2 running instances; stop an instance, or raise maxInstances in the manifest',
  );
  host.processes.all[0]!.exit(0);
  await host.clock.advance(0);
  expect(await host.launch(launcher, undefined, '/shop/c')).toBe('started');
});

test('a launch without a callable endpoint is stopped when the instance limit is reached', async () => {
  const host = new FakeHost();
  host.manifests.set('orders', completeManifest(`${minimalManifest}maxInstances: 1\n`));
  const launcher = await host.open();
  expect(await host.launch(launcher)).toBe('started');
  // Its lease expired while it was hanging.
  host.names.endpoints.clear();
  host.processes.all[0]!.ignoresSigterm = true;
  const next = host.startLaunch(launcher);
  await host.clock.advance(6_450);
  expect(host.processes.all).toHaveLength(1);
  await host.clock.advance(350);
  expect(await next).toBe('started');
  expect(host.processes.all[0]!.signals).toEqual(['SIGTERM', 'SIGKILL']);
  expect(host.processes.alive).toBe(1);
});

test('a launch that cannot be recorded is stopped', async () => {
  const host = new FakeHost();
  const launcher = await host.open();
  const full = new Error('the store cannot be written');
  let writes = 0;
  host.names.gate = async () => {
    if (++writes > 1) throw full;
  };
  expect(await host.launch(launcher)).toBe(
    'START_FAILED: /shop/orders could not be started: the server could not record the process: the store cannot be written',
  );
  await host.clock.advance(100);
  expect(host.processes.alive).toBe(0);
  writes = 1;
  await host.clock.advance(1_000);
  expect(await host.launch(launcher)).toBe('Error: the store cannot be written');
  expect(host.processes.all).toHaveLength(1);
});

test('closing the launcher keeps processes running, rejects waiting callers, and starts nothing more', async () => {
  const host = new FakeHost();
  host.names.define('/shop/ready', { manifest: 'orders' });
  const launcher = await host.open();
  expect(await host.launch(launcher, undefined, '/shop/ready')).toBe('started');
  host.programsHang();
  const waiting = host.startLaunch(launcher);
  await host.clock.advance(10);
  await launcher.close();
  expect(await waiting).toBe(
    'CLERK_CLOSED: The server is shutting down and starts no more services; use another server, or retry later',
  );
  expect(await host.launch(launcher)).toBe(
    'CLERK_CLOSED: The server is shutting down and starts no more services; use another server, or retry later',
  );
  await host.clock.advance(60_000);
  expect(host.processes.alive).toBe(2);
  expect(host.names.launches.all()).toHaveLength(2);
  expect(host.clock.pendingTimers).toBe(0);
});

test('a server with the process id 1 warns that orphans become zombies', async () => {
  const host = new FakeHost();
  await host.open();
  expect(host.lines).toEqual([]);
  host.processes.isInit = true;
  await host.open();
  expect(host.lines).toEqual([expect.stringMatching(/process id 1\. .* zombies; .* --init, .* tini$/)]);
});
