/** What a lookup, a list, a watch, a search and an export show of a group, and of the grants of rights. */
import { createClerk } from 'binding-clerk';
import { expect, onTestFinished, test } from 'vitest';
import { securedRegistry, type SecuredClient } from './secured-registry.js';

async function withGroup() {
  const fleet = await securedRegistry();
  const { operator, enrol, allow } = fleet;
  const web = await enrol('/shop/web');
  const members = ['/shop/web', '/shop/app'];
  expect((await operator.post('/v1/groups', { name: '/shop/staff', members })).status).toBe(200);
  return { ...fleet, web, allow };
}

const linesOf = async (client: SecuredClient): Promise<any[]> =>
  (await client.get('/v1/export')).text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

test('a group is listed as a group, and only to a principal that may read it', async () => {
  const { operator, web, allow } = await withGroup();
  const list = async (client: SecuredClient): Promise<unknown> =>
    (await client.get('/v1/list?glob=/shop/staff')).json.entries;
  const entry = { name: '/shop/staff', kind: 'group', members: 2 };
  expect(await list(operator)).toEqual([entry]);
  expect(await list(web)).toEqual([]);
  expect((await web.get('/v1/resolve?name=/shop/staff')).status).toBe(404);
  expect(await linesOf(web)).toEqual([]);
  await allow('/shop/web', '/shop/staff', ['read']);
  expect(await list(web)).toEqual([entry]);
});

test('a lookup and a watch of a group show its kind and no member, and a search does not find it', async () => {
  const { operator, web, allow } = await withGroup();
  await allow('/shop/web', '/shop/*', ['read']);
  const { json, text } = await web.get('/v1/resolve?name=/shop/staff');
  expect(json).toMatchObject({
    ...{ canonical: '/shop/staff', kind: 'group', endpoints: [] },
    path: [{ name: '/shop/staff', kind: 'group' }],
  });
  expect(text).not.toContain('/shop/app');
  const events = await web.watch(['/shop/*'], (seen) => seen.some(({ globs }) => globs !== undefined));
  expect(events.find(({ name }) => name === '/shop/staff')).toMatchObject({
    entry: { kind: 'group', endpoints: [] },
  });
  expect(JSON.stringify(events)).not.toContain('/shop/app');
  expect((await web.get('/v1/search?glob=/shop/*')).json.entries).toEqual([]);
  expect((await linesOf(operator)).find(({ kind }) => kind === 'group')).toMatchObject({
    members: ['/shop/web', '/shop/app'],
  });
});

test('a group cannot be called', async () => {
  const { server, initialized } = await withGroup();
  const { registryKey, operator: identity } = initialized;
  const clerk = createClerk({ registry: server.url, registryKey, identity });
  onTestFinished(() => clerk.destroy());
  await expect(clerk.bind('/shop/staff').text('/')).rejects.toMatchObject({ code: 'NAME_NOT_FOUND' });
  expect(await clerk.list('/shop/staff')).toMatchObject([{ kind: 'group', members: 2 }]);
});

test('an export shows the grants on paths that the principal administrates, and no others', async () => {
  const { web, allow, operator } = await withGroup();
  await allow('/shop/web', '/shop', ['read', 'admin']);
  await allow('/pay/app', '/shop/ledger/**', ['call']);
  await allow('/pay/app', '/shop', ['read']);
  const grants = (await linesOf(web)).filter(({ kind }) => kind === 'access');
  expect(grants.map(({ principal, path }) => [principal, path])).toEqual(
    (await web.get('/v1/acl')).json.entries.map((entry: { principal: string; path: string }) => [
      entry.principal,
      entry.path,
    ]),
  );
  expect(JSON.stringify(grants)).not.toContain('ledger');
  expect(JSON.stringify(await linesOf(operator))).toContain('ledger');
});
