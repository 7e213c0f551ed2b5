/** The files of examples/deploy: whether they are valid, and fit to each other and to the server. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { parseStoreUrl } from '../src/server/store/store-url.js';

const read = (path: string): string =>
  readFileSync(new URL(`../examples/deploy/${path}`, import.meta.url), 'utf8');
const engines = ['etcd', 'postgres'] as const;

test.each(engines)('Docker Compose: three servers over %s, which only they reach', (engine) => {
  const { services, networks, volumes } = parse(read(`${engine}/docker-compose.yml`), { merge: true });
  const servers = Object.entries<any>(services).filter(([name]) => name.startsWith('clerk-'));
  const members = Object.entries<any>(services).filter(([name]) => !name.startsWith('clerk-'));
  expect([servers.length, members.length]).toEqual([3, engine === 'etcd' ? 3 : 1]);
  expect(networks.engine).toEqual({ internal: true });
  const ports = servers.flatMap(([, { ports: each }]) => each);
  expect(new Set(ports).size).toBe(3);
  for (const [name, server] of servers) {
    expect(server.command.slice(0, 4)).toEqual(['serve', '--host', '0.0.0.0', '--insecure']);
    expect(server.command.slice(-2)).toEqual(['--allow-host', name]);
    expect(Object.keys(server.depends_on).sort()).toEqual(members.map(([member]) => member).sort());
    const url = server.environment.CLERK_STORE.replace(/\$\{[^}]*\}/g, 'password');
    const target = parseStoreUrl(url);
    expect(target.engine).toBe(engine);
    for (const [member] of members) expect(target.label).toContain(`${member}:`);
  }
  for (const [, member] of members) {
    expect(member.networks).toEqual(['engine']);
    expect(member.ports).toBeUndefined();
    const [volume] = member.volumes[0].split(':');
    expect(Object.keys(volumes)).toContain(volume);
    expect(member.healthcheck.test[0]).toBe('CMD');
  }
});

test.each(engines)('Kubernetes: three servers over %s, which only they reach', (engine) => {
  const documents = parseAllDocuments(read(`${engine}/kubernetes.yaml`));
  expect(documents.flatMap(({ errors }) => errors)).toEqual([]);
  const resources = documents.map((document) => document.toJS());
  for (const { apiVersion, kind, metadata } of resources)
    expect([apiVersion, kind, metadata.name]).not.toContain(undefined);
  const find = (kind: string, name: string): any =>
    resources.find((each) => each.kind === kind && each.metadata.name === name);

  const { spec } = find('Deployment', 'clerk');
  const labels = spec.template.metadata.labels;
  expect([spec.replicas, spec.selector.matchLabels]).toEqual([3, labels]);
  const [server] = spec.template.spec.containers;
  expect(server.env[0].valueFrom.secretKeyRef).toEqual({ name: 'clerk-store', key: 'url' });
  expect(server.readinessProbe.httpGet).toEqual({ path: '/healthz', port: 'http' });
  const service = find('Service', 'clerk').spec;
  expect([service.selector, service.ports[0].port, server.ports[0].containerPort]).toEqual([
    labels,
    4711,
    4711,
  ]);
  expect(server.args).toContain('clerk');
  expect(find('PodDisruptionBudget', 'clerk').spec).toEqual({
    maxUnavailable: 1,
    selector: { matchLabels: labels },
  });

  const members = find('StatefulSet', engine).spec;
  expect(members.replicas).toBe(engine === 'etcd' ? 3 : 1);
  const own = members.template.metadata.labels;
  expect([members.selector.matchLabels, find('Service', engine).spec.selector]).toEqual([own, own]);
  expect(find('Service', members.serviceName)).toBeDefined();
  const mounts = members.template.spec.containers[0].volumeMounts.map(({ name }: { name: string }) => name);
  expect(members.volumeClaimTemplates.map(({ metadata }: any) => metadata.name)).toEqual(mounts);
  const policy = find('NetworkPolicy', engine).spec;
  expect([policy.podSelector.matchLabels, policy.ingress[0].from[0].podSelector.matchLabels]).toEqual([
    own,
    labels,
  ]);
  if (engine === 'etcd') {
    const target: object = parseStoreUrl(find('Secret', 'clerk-store').stringData.url);
    expect(target).toMatchObject({ origins: [0, 1, 2].map((i) => `http://etcd-${String(i)}.etcd:2379`) });
  }
});

test('every etcd of the examples removes earlier values', () => {
  for (const file of ['etcd/docker-compose.yml', 'etcd/kubernetes.yaml'])
    expect(read(file)).toContain('ETCD_AUTO_COMPACTION_RETENTION');
});
