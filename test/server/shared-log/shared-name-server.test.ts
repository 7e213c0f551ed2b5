import { describe, expect, test } from 'vitest';
import { codeOf, localCaller, recordWatch, registration, thrownBy } from '../naming/name-server-harness.js';
import type { NameService } from '../../../src/server/ports.js';
import { renewAt, SharedServers, type SharedServersOptions } from './shared-servers.js';

const open = async (count: number, options: SharedServersOptions = {}) => {
  const servers = new SharedServers(options);
  const started = await servers.startAll(count);
  const names = started.map((process) => process.names);
  const { runtime, engine } = servers;
  return { servers, started, names: names as [NameService, NameService, NameService], runtime, engine };
};

const ids = (names: NameService, name: string): readonly string[] =>
  names.resolve(name).endpoints.map(({ id }) => id);

describe('changes', () => {
  test('a change at one server is seen at the others at the next hint', async () => {
    const {
      names: [a, b],
      runtime,
    } = await open(2);
    await a.define({ name: '/s' });
    await a.register(registration('/s', 'i'), localCaller);
    await runtime.advance(0);
    expect(ids(b, '/s')).toEqual(['i']);
    expect(b.status()).toMatchObject(a.status());
  });

  test('without hints, a change is seen within the interval of the polls', async () => {
    const {
      names: [a, b],
      runtime,
      engine,
    } = await open(2);
    engine.isSilent = true;
    await a.define({ name: '/s' });
    expect(thrownBy(() => b.resolve('/s'))).toMatchObject({ code: 'NAME_NOT_FOUND' });
    await runtime.advance(300);
    expect(b.resolve('/s')).toMatchObject({ ageMs: 1_000 });
  });

  test('changes at two servers at once get one order, and each is checked against it', async () => {
    const {
      names: [a, b],
      runtime,
      engine,
    } = await open(2);
    await a.define({ name: '/s', guaranteedMs: 0 });
    const registered = await Promise.all(
      [a, b, a, b].map((names, i) => names.register(registration('/s', `i${i}`), localCaller)),
    );
    expect(registered.map(({ epoch }) => epoch).sort()).toEqual([1, 2, 3, 4]);
    expect(engine.conflicts).toBeGreaterThan(0);
    const removals = await Promise.all(
      [a, b].map((names) => codeOf(names.remove({ name: '/s', recursive: true }))),
    );
    expect(removals.sort()).toEqual(['NAME_NOT_FOUND', 'done']);
    await runtime.advance(0);
  });

  test('a refusal is that of the head of the log, not of an old state', async () => {
    const {
      names: [a, b],
      engine,
    } = await open(2);
    engine.isSilent = true;
    await a.define({ name: '/s', guaranteedMs: 0 });
    expect(await codeOf(b.remove({ name: '/s' }))).toBe('done');
    expect(await codeOf(a.remove({ name: '/s' }))).toBe('NAME_NOT_FOUND');
  });

  test('a lost response of an append repeats no change', async () => {
    let lost = 0;
    const {
      names: [a, b],
      runtime,
      engine,
    } = await open(2, {
      engine: { fault: (operation) => (operation === 'append' && lost-- > 0 ? 'lost-response' : 'none') },
    });
    await a.define({ name: '/s' });
    lost = 2;
    const before = engine.appends;
    const registering = a.register(registration('/s', 'i'), localCaller);
    await runtime.advance(3_000);
    expect(await registering).toMatchObject({ epoch: 1 });
    expect(engine.appends).toBe(before + 1);
    expect(ids(b, '/s')).toEqual(['i']);
  });

  test('a client that has seen a later change is answered after the server has read it', async () => {
    const {
      names: [a, b],
      engine,
    } = await open(2);
    engine.isSilent = true;
    await a.define({ name: '/s' });
    await b.checkPositions(a.position);
    expect(b.resolve('/s').name).toBe('/s');
    expect(b.position).toBe(a.position);
    expect(b.checkPositions(a.position)).toBeUndefined();
  });

  test('a server that cannot read the changes that a client has seen flags its lookups', async () => {
    const {
      names: [a, b],
      runtime,
      engine,
    } = await open(2, { engine: { timeoutMs: 100 } });
    await a.define({ name: '/s' });
    await runtime.advance(300);
    engine.cut('server-2');
    await a.define({ name: '/t' });
    const checked = b.checkPositions(a.position);
    expect(b.resolve('/s')).not.toHaveProperty('stale');
    await runtime.advance(150);
    await checked;
    expect(b.resolve('/s')).toMatchObject({ stale: true, guaranteedMs: 0 });
    expect(b.resolve('/s').ageMs).toBeLessThan(1_000);
  });

  test('of three servers that write all the time, each gets its share', async () => {
    const { names, runtime, engine } = await open(3);
    engine.delayMs = 2;
    const done = [0, 0, 0];
    const until = runtime.now() + 4_000;
    for (const [i, server] of names.entries())
      for (let writer = 0; writer < 4; writer++)
        void (async () => {
          for (let n = 0; runtime.now() < until; n++) {
            await server.link({ name: `/l${i}-${writer}`, target: `/x${n}`, guaranteedMs: 0 });
            done[i] = (done[i] ?? 0) + 1;
          }
        })();
    await runtime.advance(5_000);
    const total = done.reduce((sum, count) => sum + count, 0);
    expect(total).toBeGreaterThan(500);
    expect(Math.min(...done)).toBeGreaterThan(total / 10);
  });
});

describe('leases', () => {
  test('renewals are answered from memory, and nothing is written', async () => {
    const {
      names: [a],
      runtime,
      engine,
    } = await open(2);
    const { epoch, secret } = await a.register(registration('/s', 'i', { leaseMs: 3_000 }), localCaller);
    const before = engine.appends;
    for (let i = 0; i < 60; i++) {
      await runtime.advance(1_000);
      expect(a.renew({ renewals: [{ name: '/s', id: 'i', epoch, secret }] })).toMatchObject({
        results: ['renewed'],
      });
    }
    expect(engine.appends).toBe(before);
  });

  test('a lease that is renewed at another server is held there from then on', async () => {
    const {
      names: [a, b],
      runtime,
    } = await open(2);
    const { epoch, secret } = await a.register(registration('/s', 'i', { leaseMs: 6_000 }), localCaller);
    const renewals = [{ name: '/s', id: 'i', epoch, secret }];
    for (let i = 0; i < 10; i++) {
      await runtime.advance(2_000);
      expect(await renewAt(b, { renewals })).toMatchObject({ results: ['renewed'] });
    }
    expect(ids(a, '/s')).toEqual(['i']);
    await runtime.advance(10_000);
    expect([a, b].map((names) => thrownBy(() => names.resolve('/s'))?.code ?? ids(names, '/s'))).toEqual([
      [],
      [],
    ]);
  });

  test('when a server is killed, its endpoints have a full lease to renew at another', async () => {
    const {
      started,
      names: [a, b, c],
      runtime,
      servers,
    } = await open(3);
    const { epoch, secret } = await a.register(registration('/s', 'i', { leaseMs: 30_000 }), localCaller);
    await a.register(registration('/s', 'silent', { leaseMs: 30_000 }), localCaller);
    await runtime.advance(29_000);
    a.renew({ renewals: [{ name: '/s', id: 'i', epoch, secret }] });
    started[0]?.kill();
    servers.engine.cut('server-1');
    // The session of the server ends after 12 s, and the lease 30 s later.
    await runtime.advance(38_000);
    expect([ids(b, '/s'), ids(c, '/s')]).toEqual([
      ['i', 'silent'],
      ['i', 'silent'],
    ]);
    expect(await renewAt(b, { renewals: [{ name: '/s', id: 'i', epoch, secret }] })).toMatchObject({
      results: ['renewed'],
    });
    await runtime.advance(20_000);
    expect([ids(b, '/s'), ids(c, '/s')]).toEqual([['i'], ['i']]);
  });

  test('a server without its session renews nothing until the log knows its next one', async () => {
    const {
      names: [a, b],
      runtime,
      engine,
    } = await open(2);
    const { epoch, secret } = await a.register(registration('/s', 'i', { leaseMs: 15_000 }), localCaller);
    const renewals = [{ name: '/s', id: 'i', epoch, secret }];
    engine.cut('server-1');
    await runtime.advance(10_000);
    expect(await renewAt(a, { renewals })).toMatchObject({ results: ['renewed'] });
    await runtime.advance(3_000);
    const refused = renewAt(a, { renewals }).catch((error: unknown) => error);
    await runtime.advance(2_000);
    expect(await refused).toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
    expect(ids(b, '/s')).toEqual(['i']);
    await runtime.advance(30_000);
    expect(thrownBy(() => ids(b, '/s'))?.code ?? ids(b, '/s')).toEqual([]);
    engine.cut('server-1', false);
    await runtime.advance(2_000);
    expect(await renewAt(a, { renewals })).toMatchObject({ results: ['lost'] });
  });

  test('a session that the engine revokes is replaced, and no lease ends', async () => {
    const {
      names: [a, b],
      runtime,
      engine,
    } = await open(2);
    const { epoch, secret } = await a.register(registration('/s', 'i', { leaseMs: 3_000 }), localCaller);
    engine.endSessions('server-1');
    for (let i = 0; i < 30; i++) {
      await runtime.advance(1_000);
      expect(await renewAt(a, { renewals: [{ name: '/s', id: 'i', epoch, secret }] })).toMatchObject({
        results: ['renewed'],
      });
    }
    expect(ids(b, '/s')).toEqual(['i']);
  });

  test('no lease ends while the engine is away, and each has its time again afterwards', async () => {
    const {
      names: [a, b],
      runtime,
      engine,
    } = await open(2);
    const { epoch, secret } = await a.register(registration('/s', 'i', { leaseMs: 9_000 }), localCaller);
    await runtime.advance(0);
    engine.isAway = true;
    await runtime.advance(5_000);
    expect(a.renew({ renewals: [{ name: '/s', id: 'i', epoch, secret }] })).toMatchObject({
      results: ['renewed'],
    });
    await runtime.advance(115_000);
    expect([a, b].map((names) => names.resolve('/s'))).toMatchObject([
      { stale: true, endpoints: [{ id: 'i' }] },
      { stale: true, endpoints: [{ id: 'i' }] },
    ]);
    engine.isAway = false;
    await runtime.advance(5_000);
    expect(await renewAt(a, { renewals: [{ name: '/s', id: 'i', epoch, secret }] })).toMatchObject({
      results: ['renewed'],
    });
    expect(ids(b, '/s')).toEqual(['i']);
    await runtime.advance(30_000);
    expect(thrownBy(() => ids(b, '/s'))?.code ?? ids(b, '/s')).toEqual([]);
  });
});

describe('an engine that is away', () => {
  test('lookups continue and are flagged, changes are refused with what to do', async () => {
    const {
      names: [a],
      runtime,
      engine,
    } = await open(1);
    await a.define({ name: '/s', guaranteedMs: 60_000 });
    expect(a.resolve('/s')).toMatchObject({ guaranteedMs: 60_000, ageMs: 1_000, ttlMs: 4_000 });
    engine.isAway = true;
    await runtime.advance(5_000);
    const found = a.resolve('/s');
    expect(found).toMatchObject({ stale: true, guaranteedMs: 0 });
    expect(found.ageMs).toBeGreaterThan(4_000);
    expect(thrownBy(() => a.resolve('/absent'))).toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
    const refused = a.define({ name: '/t' }).catch((error: unknown) => error);
    await runtime.advance(10_000);
    expect(await refused).toMatchObject({
      code: 'REGISTRY_UNREACHABLE',
      message: expect.stringContaining('simulated engine'),
    });
    expect(a.status()).toMatchObject({ degraded: true, problems: [{ part: 'store' }] });
    engine.isAway = false;
    await runtime.advance(3_000);
    expect(await codeOf(a.define({ name: '/t' }))).toBe('done');
    expect(a.resolve('/s')).toMatchObject({ guaranteedMs: 60_000 });
    expect(a.status().degraded).toBe(false);
  });
});

describe('guarantees', () => {
  test('a change waits for the guarantees that other servers may give', async () => {
    const {
      names: [a, b],
      runtime,
    } = await open(2);
    await a.link({ name: '/l', target: '/x', guaranteedMs: 10_000 });
    await runtime.advance(100_000);
    const { appliesInMs } = await b.link({ name: '/l', target: '/y', whenExpired: true });
    expect(appliesInMs).toBe(11_250);
  });
});

describe('watches', () => {
  test('a watch shows what other servers write, and is resumed at another server', async () => {
    const {
      names: [a, b],
      runtime,
    } = await open(2);
    const watch = recordWatch(a, ['/**']);
    await runtime.advance(0);
    await b.link({ name: '/l', target: '/x', guaranteedMs: 0 });
    await b.link({ name: '/m', target: '/x', guaranteedMs: 0 });
    await runtime.advance(0);
    expect(watch.lines()).toEqual(['open', 'current /**', '/l -> /x', '/m -> /x']);
    const revision = a.status().revision;
    watch.close();
    await a.link({ name: '/l', target: '/z' });
    await runtime.advance(0);
    const resumed = recordWatch(b, ['/**'], { since: { incarnation: a.status().incarnation, revision } });
    await runtime.advance(0);
    expect(resumed.lines()).toEqual(['open resumed', '/l -> /z', 'current /**']);
  });
});

describe('a log that was replaced', () => {
  test('an engine that was restored to an older state gets a new incarnation', async () => {
    const {
      names: [a, b],
      runtime,
      engine,
    } = await open(2);
    await a.define({ name: '/kept' });
    const { position } = engine.point;
    await a.define({ name: '/lost' });
    const { incarnation } = a.status();
    await runtime.advance(300);
    engine.restore(position);
    await runtime.advance(2_000);
    expect(a.status().incarnation).not.toBe(incarnation);
    expect(b.status().incarnation).toBe(a.status().incarnation);
    for (const names of [a, b]) {
      expect(thrownBy(() => names.resolve('/lost'))).toMatchObject({ code: 'NAME_NOT_FOUND' });
      expect(names.resolve('/kept')).not.toHaveProperty('stale');
    }
  });

  test('a server that was away longer than the log is kept reads the snapshot', async () => {
    const {
      names: [a, b],
      runtime,
      engine,
    } = await open(2);
    engine.cut('server-2');
    for (let i = 0; i < 2_300; i++) await a.link({ name: `/l${i % 7}`, target: `/x${i}`, guaranteedMs: 0 });
    await runtime.advance(100);
    expect(engine.batches.length).toBeLessThan(2_000);
    engine.cut('server-2', false);
    await runtime.advance(3_000);
    expect(b.list('/*', undefined, 100).entries).toEqual(a.list('/*', undefined, 100).entries);
    expect(b.status()).toMatchObject(a.status());
  });
});
