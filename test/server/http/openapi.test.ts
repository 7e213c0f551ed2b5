import { request } from 'undici';
import { expect, test } from 'vitest';
import * as responses from '../../../src/protocol/response-schemas.js';
import { identityRoutes } from '../../../src/server/http/identity-routes.js';
import { routes } from '../../../src/server/http/routes.js';
import { startServer } from '../../../src/server/index.js';
import { paths } from '../../../src/protocol/paths.js';
import { temporaryPath } from '../temporary-path.js';

/** Stands for the secret of the registration. */
const secret = '$secret';

/** A successful request for each operation, in an order in which each succeeds. */
const requests: readonly (readonly [method: 'get' | 'post', path: string, query: string, body?: unknown])[] =
  [
    ['get', paths.health, ''],
    ['get', paths.metrics, ''],
    ['get', paths.openapi, ''],
    ['post', paths.define, '', { name: '/shop/orders', policy: 'random', guaranteedMs: 0 }],
    ['post', paths.link, '', { name: '/alias', target: '/shop/orders', guaranteedMs: 0 }],
    ['post', paths.directory, '', { name: '/dir' }],
    ['post', paths.register, '', { name: '/shop/orders', id: 'a', addresses: ['http://127.0.0.1:3001'] }],
    ['post', paths.renew, '', { renewals: [{ name: '/shop/orders', id: 'a', epoch: 1, secret }] }],
    [
      'post',
      paths.report,
      '',
      { clerk: 'c', reports: [{ name: '/alias', id: 'a', epoch: 1, verdict: 'unreachable' }] },
    ],
    ['get', paths.resolve, '?name=/alias'],
    ['get', paths.list, '?glob=/**'],
    ['get', paths.search, '?glob=/**'],
    ['get', paths.whois, '?address=http://127.0.0.1:3001'],
    ['get', paths.status, ''],
    ['get', paths.export, ''],
    ['post', paths.import, '', { kind: 'link', name: '/second', target: '/alias', guaranteedMs: 0 }],
    ['post', paths.withdraw, '', { name: '/shop/orders', id: 'a', epoch: 1, secret, now: true }],
    ['post', paths.move, '', { from: '/second', to: '/third' }],
    ['post', paths.remove, '', { name: '/third', force: true }],
    ['get', paths.audit, '?limit=10'],
    ['get', paths.watch, '?glob=/**'],
    ['post', paths.watch, '', { globs: ['/**'] }],
  ];
/** Operations that need an open watch, a launcher or a scheduled change; other tests cover them. */
const testedElsewhere = [
  `post ${paths.watchEdit}`,
  `post ${paths.launch}`,
  `post ${paths.stop}`,
  `post ${paths.reset}`,
  `post ${paths.cancel}`,
];
/** Paths that an open server does not have; `secured-server.test.ts` covers them. */
const securedPaths: readonly string[] = [paths.enroll, ...identityRoutes.map(({ path }) => path)];
const openPaths = Object.values(paths).filter((path) => !securedPaths.includes(path));

test('the server has exactly the documented operations, and they respond as documented', async () => {
  await using server = await startServer({ port: 0, data: temporaryPath('registry'), audit: true });
  const document = (await (await request(server.url + paths.openapi)).body.json()) as any;
  expect(document.openapi).toBe('3.1.0');
  const documented = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods as object).map((method) => `${method} ${path}`),
  );
  expect(documented.toSorted()).toEqual(
    [...requests.map(([method, path]) => `${method} ${path}`), ...testedElsewhere].toSorted(),
  );
  expect(new Set(documented.map((line) => line.split(' ')[1]))).toEqual(new Set(openPaths));

  let registeredSecret = '';
  for (const [method, path, query, body] of requests) {
    const type = path === paths.import ? 'application/x-ndjson' : 'application/json';
    const {
      statusCode,
      headers,
      body: response,
    } = await request(server.url + path + query, {
      method: method.toUpperCase() as 'GET',
      ...(body !== undefined && {
        headers: { 'content-type': type },
        body: JSON.stringify(body).replace(secret, registeredSecret),
      }),
    });
    const { content } = document.paths[path][method].responses['200'];
    expect([path, statusCode, String(headers['content-type']).split(';')[0]]).toEqual([
      path,
      200,
      Object.keys(content)[0],
    ]);
    expect(headers['clerk-revision']).toMatch(/^[0-9]+$/);
    if (path === paths.watch) {
      for await (const chunk of response) {
        const data = /^data: (.*)$/m.exec(String(chunk))?.[1] ?? '';
        expect(responses.watchEvent.parse(JSON.parse(data))).toMatchObject({ type: 'open' });
        break;
      }
      continue;
    }
    const text = await response.text();
    if (path === paths.register) registeredSecret = (JSON.parse(text) as { secret: string }).secret;
    const route = routes.find((candidate) => candidate.path === path);
    if (route !== undefined) {
      const schema = route.responseSchema as typeof responses.watchEditResponse;
      // A schema drops undocumented keys.
      expect([path, schema.parse(JSON.parse(text))]).toEqual([path, JSON.parse(text)]);
    }
  }
  // Undocumented methods are rejected.
  for (const path of openPaths)
    for (const method of ['get', 'post', 'put', 'delete', 'patch']) {
      if (documented.includes(`${method} ${path}`)) continue;
      const { statusCode, body } = await request(server.url + path, {
        method: method.toUpperCase() as 'PUT',
      });
      expect([method, path, statusCode]).toEqual([method, path, 405]);
      responses.errorEnvelope.parse(await body.json());
    }
});

test('the document names the code of an edit of a watch that is not open', async () => {
  await using server = await startServer({ port: 0 });
  const document = (await (await request(server.url + paths.openapi)).body.json()) as any;
  const { statusCode, body } = await request(server.url + paths.watchEdit, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ watch: 'none', add: ['/**'] }),
  });
  const { error } = (await body.json()) as any;
  expect([statusCode, error.code]).toEqual([404, 'CLERK_CLOSED']);
  expect(document.paths[paths.watchEdit].post.responses[statusCode].description).toBe(error.code);
});

test('request objects allow no unknown keys', async () => {
  const { openApiDocument } = await import('../../../src/server/http/openapi.js');
  const document = openApiDocument('1.0.0') as any;
  for (const methods of Object.values(document.paths))
    for (const { requestBody } of Object.values(methods as Record<string, any>)) {
      const schema = Object.values(requestBody?.content ?? {})[0] as any;
      if (schema?.schema.type === 'object') expect(schema.schema.additionalProperties).toBe(false);
    }
  expect(
    document.paths['/v1/register'].post.requestBody.content['application/json'].schema.properties.leaseMs,
  ).toEqual({
    type: 'integer',
    minimum: 1_000,
    maximum: 604_800_000,
    description: 'an integer from 1000 to 604800000, in ms (7 days)',
  });
});
