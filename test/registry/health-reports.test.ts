/** What is said of endpoints finds its way through registries that are made of others. */
import { expect, test } from 'vitest';
import type { EndpointReport, Registry, HealthReport } from '../../src/core/registry.js';
import { retryLoop } from '../../src/invoke/p-retry-loop.js';
import { firstOf } from '../../src/registry/first-of.js';
import { mount } from '../../src/registry/mount.js';
import { remoteRegistry } from '../../src/registry/remote/remote-registry.js';
import { union } from '../../src/registry/union.js';
import { createFakeRuntime } from '../../src/testing/fake-runtime.js';
import { FakeRegistry } from '../support/fake-registry.js';
import { lookup } from './mutable-registry.js';

const anybody = { signal: new AbortController().signal };
const opinion = (name: string): EndpointReport => ({ name, id: 'a', epoch: 1, verdict: 'unreachable' });
const report = (...names: string[]): HealthReport => ({ clerk: 'c', reports: names.map(opinion) });

/** A registry that writes down the names that it hears of. */
function hearing(failure?: Error): Registry & { readonly heard: string[] } {
  const heard: string[] = [];
  return {
    heard,
    resolve: () => ({ kind: 'bound', endpoints: [], healthQueried: ['a', 'b'] }),
    report: ({ reports }) => {
      heard.push(...reports.map(({ name }) => name));
      if (failure) throw failure;
    },
  };
}
const deaf: Registry = { resolve: () => ({ kind: 'bound', endpoints: [], healthQueried: ['b', 'c'] }) };

test.each([
  ['firstOf', firstOf],
  ['union', union],
])(
  '%s passes it to all of its parts that hear it, each once, and says when one failed',
  async (_name, made) => {
    const parts = [hearing(new Error('away')), hearing()] as const;
    const registry = made(...parts, deaf, parts[1]);
    await expect(registry.report!(report('/a', '/b'), anybody)).rejects.toThrow('away');
    expect(parts.map(({ heard }) => heard)).toEqual([
      ['/a', '/b'],
      ['/a', '/b'],
    ]);
    expect(made(deaf, { '/a': ['http://a:1'] }).report).toBeUndefined();
  },
);

test('a mount passes on what is below it, with the prefix taken off, and nothing else', async () => {
  const inner = hearing();
  const mounted = mount('/k8s', inner);
  await mounted.report!(report('/k8s/a', '/a', '/k8s', '/k8sx/a', '/k8s/b/c'), anybody);
  expect(inner.heard).toEqual(['/a', '/b/c']);
  await mounted.report!(report('/a'), anybody);
  expect(inner.heard).toHaveLength(2);
  expect(mount('/k8s', deaf).report).toBeUndefined();
});

test('who is asked about is asked about in all of them', async () => {
  expect(await lookup(union(hearing(), deaf), '/a')).toMatchObject({ healthQueried: ['a', 'b', 'c'] });
  expect(await lookup(firstOf(hearing(), deaf), '/a')).toMatchObject({ healthQueried: ['a', 'b'] });
  expect(await lookup(mount('/k8s', hearing()), '/k8s/a')).toMatchObject({ healthQueried: ['a', 'b'] });
  const nobody: Registry = { resolve: () => ({ kind: 'bound', endpoints: [] }) };
  expect(await lookup(union(nobody, nobody), '/a')).not.toHaveProperty('doubted');
});

test('reference servers are told in one message by whichever answers, and a refusal is a rejection', async () => {
  const runtime = createFakeRuntime({ seed: 7 });
  const servers = [new FakeRegistry(runtime), new FakeRegistry(runtime)];
  const registry = remoteRegistry({
    urls: ['http://a', 'http://b'],
    clock: runtime,
    retry: retryLoop,
    connect: (url) => servers[url === 'http://a' ? 0 : 1]!.connection(url),
  });
  servers[0]!.isDown = true;
  await registry.report(report('/a', '/b'), anybody);
  expect(servers[1]!.requests).toEqual([{ at: runtime.now(), path: '/v1/report', payload: report('/a', '/b') }]);
  servers[1]!.isDown = true;
  await expect(registry.report(report('/a'), anybody)).rejects.toMatchObject({
    code: 'REGISTRY_UNREACHABLE',
  });
});
