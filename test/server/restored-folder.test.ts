/** The audit log and the keys of a secured registry whose data folder was restored from an older copy. */
import { cpSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { AuditLine } from '../../src/protocol/audit-messages.js';
import { systemKeys } from '../../src/runtime/system-keys.js';
import { initializeRegistry, startServer } from '../../src/server/index.js';
import { securedRegistry } from './secured-registry.js';
import { temporaryPath } from './temporary-path.js';

function auditLines(data: string): readonly AuditLine[] {
  const folder = join(data, 'audit');
  const text = readdirSync(folder)
    .sort()
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as AuditLine);
}

test.each([
  { adopt: true, operation: 'adopt-copy' },
  { adopt: false, operation: 'new-incarnation' },
])('a restored folder says what it undoes, and repeats no number ($operation)', async (each) => {
  const { server, data, operator, enrol, client } = await securedRegistry();
  const web = await enrol('/shop/web');
  const { token } = (await operator.post('/v1/tokens', { principal: '/shop/new' })).json;
  await server.close();
  const backup = temporaryPath('backup');
  cpSync(data, backup, { recursive: true });
  const original = await startServer({ port: server.port, data });
  expect((await operator.post('/v1/identities/revoke', { principal: '/shop/web' })).status).toBe(200);
  expect((await web.get('/v1/status')).status).toBe(401);
  for (let i = 0; i < 20; i++) await operator.post('/v1/define', { name: `/lost/n${i}` });
  await original.close();
  const before = auditLines(data);

  rmSync(data, { recursive: true });
  cpSync(backup, data, { recursive: true });
  const warnings: string[] = [];
  const ignore = (): void => undefined;
  const restored = await startServer({
    ...{ port: server.port, data, adopt: each.adopt },
    logger: { debug: ignore, info: ignore, error: ignore, warn: (line) => void warnings.push(line) },
  });
  onTestFinished(() => restored.close());
  expect(warnings.join()).toMatch(
    /revoked .* valid again.*Rights and group memberships.*tokens were cancelled.*clerk identity ls/,
  );
  const thief = client(systemKeys.create('/shop/new'));
  expect((await thief.post('/v1/enroll', { name: '/shop/new', token })).status).toBe(401);
  const all = auditLines(data);
  const known = new Set(auditLines(backup).map(({ seq }) => seq));
  const added = all.filter(({ seq }) => !known.has(seq));
  const lost = before.filter(({ seq }) => !known.has(seq));
  expect(added[0]?.seq).toBeGreaterThan(lost.at(-1)?.seq ?? Infinity);
  const { incarnation } = (await operator.get('/v1/status')).json as { incarnation: string };
  const previous = auditLines(backup).at(-1)?.seq;
  expect(added.slice(0, 2)).toMatchObject([
    { kind: 'start', details: { incarnation, previous } },
    { kind: 'change', operation: each.operation, details: { cancelledTokens: 1 } },
  ]);
  // A copy of the log on another host shows what to do again.
  const [start] = added;
  const shown = before.filter(
    ({ seq }) => seq > Number(start?.details?.previous) && seq < Number(start?.seq),
  );
  expect(shown).toEqual(lost);
  const revocation = shown.find(({ operation }) => operation === 'revoke');
  expect(revocation).toMatchObject({
    names: ['/shop/web'],
    details: { revoked: [web.credentials?.pin] },
  });
  const key = (revocation?.details?.revoked as readonly string[])[0];
  expect((await web.get('/v1/status')).status).toBe(200);
  expect((await operator.post('/v1/identities/revoke', { principal: '/shop/web', key })).status).toBe(200);
  expect((await web.get('/v1/status')).status).toBe(401);
});

test('the first operator is recorded before the registry starts', async () => {
  const data = temporaryPath('registry');
  const { operator } = await initializeRegistry(data);
  const { pin } = systemKeys.check(JSON.parse(readFileSync(operator, 'utf8')) as never);
  expect(auditLines(data)).toMatchObject([
    { kind: 'start' },
    {
      ...{ kind: 'change', operation: 'create-operator', names: ['/operator'], principal: 'registry' },
      ...{ result: 'ok', details: { key: pin } },
    },
    { kind: 'stop' },
  ]);
});
