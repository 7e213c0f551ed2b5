/** Another operator after the key of the first one was lost. */
import { rmSync, statSync } from 'node:fs';
import { expect, test } from 'vitest';
import { systemKeys } from '../../src/runtime/system-keys.js';
import { createOperator, initializeRegistry, startServer } from '../../src/server/index.js';
import { identityIn, securedRegistry } from './secured-registry.js';
import { temporaryPath } from './temporary-path.js';

test('a new operator has all rights, and the names and keys of the registry stay', async () => {
  const { server, data, initialized, operator, enrol, client, allow } = await securedRegistry();
  await operator.post('/v1/define', { name: '/shop/orders' });
  await allow('/shop/web', '/shop/orders', ['read']);
  const web = await enrol('/shop/web');
  const removal = { change: 'remove', principal: '/operator', path: '/**' };
  const rights = ['read', 'call', 'advertise', 'write', 'launch', 'admin'];
  expect((await operator.post('/v1/acl', { ...removal, rights })).status).toBe(200);
  await expect(createOperator({ data })).rejects.toMatchObject({ code: 'FORBIDDEN' });
  await server.close();
  rmSync(initialized.operator);
  const created = await createOperator({ data });
  expect(created).toEqual(initialized);
  expect(statSync(created.operator).mode & 0o777).toBe(0o600);
  expect(identityIn(created.operator).registryKey).toEqual([initialized.registryKey]);
  const restarted = await startServer({ port: server.port, data });
  const next = client(systemKeys.check(identityIn(created.operator)));
  try {
    expect((await next.get('/v1/resolve?name=/shop/orders')).status).toBe(200);
    expect((await next.post('/v1/tokens', { principal: '/shop/new' })).status).toBe(200);
    expect((await next.get('/v1/identities?principal=/operator')).json.identities.length).toBe(2);
    const { lines } = (await next.get('/v1/audit?principal=registry')).json;
    expect(lines).toContainEqual(
      expect.objectContaining({
        ...{ kind: 'change', operation: 'replace-operator', names: ['/operator'] },
        details: { key: next.credentials?.pin, revoked: [] },
      }),
    );
    const { pin } = web.credentials as { pin: string };
    expect((await next.post('/v1/identities/revoke', { principal: '/shop/web', key: pin })).status).toBe(200);
  } finally {
    await restarted.close();
  }
});

test('other keys and unused tokens of the operator are revoked on request', async () => {
  const { server, data, operator, client } = await securedRegistry();
  const { token } = (await operator.post('/v1/tokens', { principal: '/operator' })).json;
  await server.close();
  await expect(createOperator({ data })).rejects.toMatchObject({ code: 'FORBIDDEN' });
  const created = await createOperator({ data, revokeOthers: true });
  const restarted = await startServer({ port: server.port, data });
  try {
    expect((await client(operator.credentials).get('/v1/status')).status).toBe(401);
    const thief = client(systemKeys.create('/operator'));
    expect((await thief.post('/v1/enroll', { name: '/operator', token })).status).toBe(401);
    const next = client(systemKeys.check(identityIn(created.operator)));
    expect((await next.get('/v1/status')).status).toBe(200);
  } finally {
    await restarted.close();
  }
});

test('an identity file of another key is written beside the first one', async () => {
  const data = temporaryPath('registry');
  const { operator } = await initializeRegistry(data);
  const file = `${temporaryPath('second')}.identity`;
  const created = await createOperator({ data, file });
  expect(created.operator).toBe(file);
  expect(identityIn(file).key).not.toBe(identityIn(operator).key);
});

test('a folder that is not secured has no operator', async () => {
  const data = temporaryPath('registry');
  const server = await startServer({ port: 0, data });
  await server.close();
  await expect(createOperator({ data })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});
