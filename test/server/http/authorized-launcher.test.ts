import { expect, test } from 'vitest';
import { AuthorizedLauncher, type RouteLauncher } from '../../../src/server/http/authorized-launcher.js';
import { RequestRights } from '../../../src/server/http/request-rights.js';
import type { IdentityService } from '../../../src/server/ports.js';

test('starting, stopping and resetting need the right launch; outdated instances need the right read', async () => {
  const calls: string[] = [];
  const record = (what: string, result: unknown) => async () => {
    calls.push(what);
    return result as never;
  };
  const launcher: RouteLauncher = {
    launch: record('launch', { started: true }),
    stop: record('stop', { stopped: 1 }),
    reset: record('reset', { started: true }),
    checkRule: (name) => void calls.push(`check ${name}`),
    outdated: () => ['/own/a', '/pay/b'].map((name) => ({ name, id: '1', reason: 'changed' })),
  };
  const identities = {
    access: (_caller: unknown, name: string, right: string) =>
      (name.startsWith('/own/') && right === 'launch') ||
      (name === '/own/a' && ['read', 'write'].includes(right))
        ? { kind: 'own-name' }
        : undefined,
  } as unknown as IdentityService;
  const names = { canonicalOf: (name: string) => (name === '/own/link' ? '/pay/b' : name) };
  const authorized = new AuthorizedLauncher(
    launcher,
    new RequestRights({ principal: '/shop/web' }, identities, names),
  );
  for (const name of ['/pay/b', '/own/link']) {
    const refused = { code: 'FORBIDDEN', message: expect.stringContaining(`the right launch on ${name};`) };
    await expect(authorized.launch({ name }, undefined)).rejects.toMatchObject(refused);
    await expect(authorized.stop({ name })).rejects.toMatchObject(refused);
    await expect(authorized.reset({ name })).rejects.toMatchObject(refused);
  }
  expect(calls).toEqual([]);
  await authorized.launch({ name: '/own/a' }, undefined);
  await authorized.stop({ name: '/own/a' });
  await authorized.reset({ name: '/own/a' });
  expect(calls).toEqual(['launch', 'stop', 'reset']);
  calls.length = 0;
  for (const name of ['/pay/b', '/own/a']) authorized.checkRule(name, { manifest: 'orders' });
  expect(calls).toEqual(['check /own/a']);
  expect(authorized.outdated().map(({ name }) => name)).toEqual(['/own/a']);
});
