/** Health reports through composite registries and the remote registry. */
import { expect, test } from 'vitest';
import type { EndpointReport, Registry, HealthReport } from '../../src/core/registry.js';
import { retryLoop } from '../../src/runtime/p-retry-loop.js';
import { firstOf } from '../../src/registry/first-of.js';
import { mount } from '../../src/registry/mount.js';
import { serverRegistry } from '../../src/registry/remote/server-registry.js';
import { union } from '../../src/registry/union.js';
import { createFakeRuntime } from '../../src/testing/fake-runtime.js';
import { FakeRegistry } from '../support/fake-registry.js';
import { lookup } from './mutable-registry.js';

const anyContext = { signal: new AbortController().signal };
const opinion = (name: string): EndpointReport => ({ name, id: 'a', epoch: 1, verdict: 'unreachable' });
const report = (...names: string[]): HealthReport => ({ clerk: 'c', reports: names.map(opinion) });

/** A registry that records the names of reports. */
function recording(failure?: Error): Registry & { readonly reported: string[] } {
  const reported: string[] = [];
  return {
    reported,
    resolve: () => ({ kind: 'bound', endpoints: [], healthQueried: ['a', 'b'] }),
    report: ({ reports }) => {
      reported.push(...reports.map(({ name }) => name));
      if (failure) throw failure;
    },
  };
}
const withoutReports: Registry = {
  resolve: () => ({ kind: 'bound', endpoints: [], healthQueried: ['b', 'c'] }),
};

test.each([
  ['firstOf', firstOf],
  ['union', union],
])(
  '%s forwards reports to each part that accepts them once, and rejects when one fails',
  async (_name, compose) => {
    const parts = [recording(new Error('away')), recording()] as const;
    const registry = compose(...parts, withoutReports, parts[1]);
    await expect(registry.report!(report('/a', '/b'), anyContext)).rejects.toThrow('away');
    expect(parts.map(({ reported }) => reported)).toEqual([
      ['/a', '/b'],
      ['/a', '/b'],
    ]);
    expect(compose(withoutReports, { '/a': ['http://a:1'] }).report).toBeUndefined();
  },
);

test('a mount forwards reports of names below its prefix, without the prefix, and no others', async () => {
  const inner = recording();
  const mounted = mount('/k8s', inner);
  await mounted.report!(report('/k8s/a', '/a', '/k8s', '/k8sx/a', '/k8s/b/c'), anyContext);
  expect(inner.reported).toEqual(['/a', '/b/c']);
  await mounted.report!(report('/a'), anyContext);
  expect(inner.reported).toHaveLength(2);
  expect(mount('/k8s', withoutReports).report).toBeUndefined();
});

test('health queries of all parts are merged', async () => {
  expect(await lookup(union(recording(), withoutReports), '/a')).toMatchObject({
    healthQueried: ['a', 'b', 'c'],
  });
  expect(await lookup(firstOf(recording(), withoutReports), '/a')).toMatchObject({
    healthQueried: ['a', 'b'],
  });
  expect(await lookup(mount('/k8s', recording()), '/k8s/a')).toMatchObject({ healthQueried: ['a', 'b'] });
  const noQueries: Registry = { resolve: () => ({ kind: 'bound', endpoints: [] }) };
  expect(await lookup(union(noQueries, noQueries), '/a')).not.toHaveProperty('healthQueried');
});

test('the remote registry sends reports in one request to the first server that responds, and rejects when none does', async () => {
  const runtime = createFakeRuntime({ seed: 7 });
  const servers = [new FakeRegistry(runtime), new FakeRegistry(runtime)];
  const registry = serverRegistry({
    urls: ['http://a', 'http://b'],
    clock: runtime,
    retry: retryLoop,
    connect: (url) => servers[url === 'http://a' ? 0 : 1]!.connection(url),
  });
  servers[0]!.isDown = true;
  await registry.report(report('/a', '/b'), anyContext);
  expect(servers[1]!.requests).toEqual([
    { at: runtime.now(), path: '/v1/report', payload: report('/a', '/b') },
  ]);
  servers[1]!.isDown = true;
  await expect(registry.report(report('/a'), anyContext)).rejects.toMatchObject({
    code: 'REGISTRY_UNREACHABLE',
  });
});
