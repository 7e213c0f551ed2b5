import { expect, test } from 'vitest';
import { parseListResponse } from '../../../src/registry/remote/parse-responses.js';
import { readPages } from '../../../src/registry/remote/read-pages.js';
import type { RegistryConnection } from '../../../src/registry-client/connection.js';

/** A registry whose list never ends. */
function endlessList(bodyBytes: number) {
  let pages = 0;
  const connection: Pick<RegistryConnection, 'url' | 'request'> = {
    url: 'http://registry',
    request: async () => {
      const name = `/n${String(++pages).padStart(9, '0')}`;
      const body = {
        entries: [{ name, kind: 'link', target: '/t' }],
        next: name,
        revision: '1',
        incarnation: 'a',
      };
      return { status: 200, body, bodyBytes, revision: '1', incarnation: 'a', position: '' };
    },
  };
  return { connection: connection as RegistryConnection, pages: () => pages };
}

const list = {
  path: '/v1/list',
  query: { glob: '/**' },
  subject: 'The list of names that match /**',
  parse: parseListResponse,
};

const readAll = (connection: RegistryConnection, signal = new AbortController().signal) =>
  readPages(connection, list, signal);

test('a list that is larger than 128 MiB is refused', async () => {
  const { connection, pages } = endlessList(4 * 1024 * 1024);
  await expect(readAll(connection)).rejects.toMatchObject({
    code: 'LIMIT_EXCEEDED',
  });
  expect(pages()).toBe(33);
});

test('a list with more pages than a registry can have is refused', async () => {
  const { connection, pages } = endlessList(100);
  await expect(readAll(connection)).rejects.toMatchObject({
    code: 'REGISTRY_INVALID',
  });
  expect(pages()).toBe(4_000);
});

test('no page is requested after an abort', async () => {
  const { connection, pages } = endlessList(100);
  const controller = new AbortController();
  const listing = readAll(connection, controller.signal);
  controller.abort(new Error('enough'));
  await expect(listing).rejects.toThrow('enough');
  expect(pages()).toBe(1);
});
