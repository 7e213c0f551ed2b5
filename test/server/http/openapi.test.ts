/** The OpenAPI document and the server that runs say the same. */
import { request } from 'undici';
import { expect, test } from 'vitest';
import * as replies from '../../../src/protocol/response-schemas.js';
import { routes } from '../../../src/server/http/routes.js';
import { startServer } from '../../../src/server/index.js';
import { paths } from '../../../src/protocol/paths.js';

/** A request for each operation of the document that is answered with 200; in an order in which that is so. */
const good: readonly (readonly [method: 'get' | 'post', path: string, query: string, body?: unknown])[] = [
  ['get', paths.health, ''],
  ['get', paths.metrics, ''],
  ['get', paths.openapi, ''],
  ['post', paths.define, '', { name: '/shop/orders', policy: 'random', guaranteedMs: 0 }],
  ['post', paths.link, '', { name: '/alias', target: '/shop/orders', guaranteedMs: 0 }],
  ['post', paths.directory, '', { name: '/dir' }],
  ['post', paths.register, '', { name: '/shop/orders', id: 'a', addresses: ['http://127.0.0.1:3001'] }],
  ['post', paths.renew, '', { renewals: [{ name: '/shop/orders', id: 'a', epoch: 1 }] }],
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
  ['post', paths.withdraw, '', { name: '/shop/orders', id: 'a', epoch: 1, now: true }],
  ['post', paths.move, '', { from: '/second', to: '/third' }],
  ['post', paths.remove, '', { name: '/third', force: true }],
  ['get', paths.watch, '?glob=/**'],
  ['post', paths.watch, '', { globs: ['/**'] }],
];
/** Those that need more than a request: a watch that is open, a launcher. They are tested elsewhere. */
const apart = [
  `post ${paths.watchEdit}`,
  `post ${paths.launch}`,
  `post ${paths.stop}`,
  `post ${paths.reset}`,
];

test('every operation of the document is there and answers as it says, and there is no other', async () => {
  await using server = await startServer({ port: 0 });
  const document = (await (await request(server.url + paths.openapi)).body.json()) as any;
  expect(document.openapi).toBe('3.1.0');
  const documented = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods as object).map((method) => `${method} ${path}`),
  );
  expect(documented.toSorted()).toEqual(
    [...good.map(([method, path]) => `${method} ${path}`), ...apart].toSorted(),
  );
  expect(new Set(documented.map((line) => line.split(' ')[1]))).toEqual(new Set(Object.values(paths)));

  for (const [method, path, query, body] of good) {
    const type = path === paths.import ? 'application/x-ndjson' : 'application/json';
    const {
      statusCode,
      headers,
      body: answer,
    } = await request(server.url + path + query, {
      method: method.toUpperCase() as 'GET',
      ...(body !== undefined && { headers: { 'content-type': type }, body: JSON.stringify(body) }),
    });
    const { content } = document.paths[path][method].responses['200'];
    expect([path, statusCode, String(headers['content-type']).split(';')[0]]).toEqual([
      path,
      200,
      Object.keys(content)[0],
    ]);
    expect(headers['clerk-revision']).toMatch(/^[0-9]+$/);
    if (path === paths.watch) {
      for await (const piece of answer) {
        const data = /^data: (.*)$/m.exec(String(piece))?.[1] ?? '';
        expect(replies.watchEvent.parse(JSON.parse(data))).toMatchObject({ type: 'open' });
        break;
      }
      continue;
    }
    const text = await answer.text();
    const route = routes.find((one) => one.path === path);
    if (route !== undefined)
      expect([
        path,
        (route.responseSchema as typeof replies.watchEditResponse).safeParse(JSON.parse(text)).error?.issues,
      ]).toEqual([path, undefined]);
  }
  // What the document does not have the server does not do.
  for (const path of Object.values(paths))
    for (const method of ['get', 'post', 'put', 'delete', 'patch']) {
      if (documented.includes(`${method} ${path}`)) continue;
      const { statusCode, body } = await request(server.url + path, {
        method: method.toUpperCase() as 'PUT',
      });
      expect([method, path, statusCode]).toEqual([method, path, 405]);
      replies.errorEnvelope.parse(await body.json());
    }
});

test('every object of a request is closed to keys it does not name', async () => {
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
    description: 'a whole number of ms from 1000 to 604800000 (7 days)',
  });
});
