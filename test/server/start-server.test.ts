/** The complete server: start, close, and restart on its data folder. */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { promisify } from 'node:util';
import { request } from 'undici';
import { expect, test } from 'vitest';
import { startServer } from '../../src/server/index.js';
import { temporaryPath } from './temporary-path.js';

const post = async (url: string, path: string, body: unknown) => {
  const reply = await request(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: reply.statusCode, json: (await reply.body.json()) as any };
};
const get = async (url: string, path: string) => {
  const reply = await request(url + path);
  return { status: reply.statusCode, json: (await reply.body.json()) as any };
};
const endpoint = { name: '/shop/orders', id: 'a', addresses: ['http://127.0.0.1:3001'] };

/** Reads the events of a watch up to `current`. */
async function currentEvents(url: string, lastEventId?: string) {
  const { body } = await request(
    `${url}/v1/watch?glob=/shop/**`,
    lastEventId === undefined ? {} : { headers: { 'last-event-id': lastEventId } },
  );
  let text = '';
  for await (const chunk of body) {
    text += String(chunk);
    if (/event: current\ndata: .*\n\n/.test(text)) break;
  }
  const ids = [...text.matchAll(/^id: (.*)$/gm)].map((match) => match[1] as string);
  const data = [...text.matchAll(/^data: (.*)$/gm)].map((match) => JSON.parse(match[1] as string));
  return { data, last: ids.at(-1) as string };
}

test('startServer starts a server, and `await using` closes it', async () => {
  let url: string;
  {
    await using server = await startServer({ port: 0 });
    url = server.url;
    expect(url).toBe(`http://127.0.0.1:${server.port}`);
    expect(await post(url, '/v1/register', endpoint)).toMatchObject({
      status: 200,
      json: { epoch: 1, leaseMs: 10_000 },
    });
    expect((await get(url, '/v1/resolve?name=/shop/orders')).json.endpoints).toMatchObject([
      { id: 'a', state: 'up' },
    ]);
    await Promise.all([server.close(), server.close()]);
  }
  await expect(request(url)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});

test('an invalid option is rejected; the message says what is valid', async () => {
  for (const [options, message] of [
    [{ prot: 4711 }, "Option 'prot' is unknown; the options are port, host, data"],
    [{ port: 65_536 }, 'Option port must be an integer from 0 to 65535; got 65536'],
    [{ port: '4711' }, 'Option port'],
    [{ host: 'http://127.0.0.1' }, 'Option host'],
    [{ host: '' }, 'Option host'],
    [{ data: '' }, 'Option data must be the path of a folder'],
    [{ allowedHosts: 'a' }, 'Option allowedHosts'],
    [{ heartbeatMs: 0 }, 'Option heartbeatMs'],
    [{ manifests: 7 }, 'Option manifests'],
  ] as const)
    await expect(startServer(options as never)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(message) as string,
    });
});

test('a port in use is rejected, and the data folder is released', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => taken.once('listening', resolve));
  const { port } = taken.address() as { port: number };
  const data = temporaryPath('data');
  await expect(startServer({ port, data })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining(`Port ${port} of 127.0.0.1 is already in use`) as string,
  });
  // The folder is free again.
  await (await startServer({ port: 0, data })).close();
  taken.close();
});

test('a second server on a data folder is rejected until the first one is closed', async () => {
  const data = temporaryPath('data');
  const first = await startServer({ port: 0, data });
  await expect(startServer({ port: 0, data })).rejects.toMatchObject({
    code: 'FORBIDDEN',
    message: expect.stringContaining('in use by another process') as string,
  });
  expect((await post(first.url, '/v1/register', endpoint)).status).toBe(200);
  await first.close();
  const second = await startServer({ port: 0, data });
  expect((await get(second.url, '/v1/resolve?name=/shop/orders')).json.endpoints).toMatchObject([
    { id: 'a', epoch: 1 },
  ]);
  await second.close();
});

test('a watch resumes after a restart on the same data, and receives a resync without data', async () => {
  for (const data of [temporaryPath('data'), undefined]) {
    const options = { port: 0, ...(data !== undefined && { data }) };
    const first = await startServer(options);
    await post(first.url, '/v1/register', endpoint);
    const before = await currentEvents(first.url);
    expect(before.data.map(({ type }) => type)).toEqual(['open', 'put', 'current']);
    await first.close();
    const second = await startServer(options);
    const after = await currentEvents(second.url, before.last);
    expect(after.data[0]).toMatchObject({ type: 'open' });
    const types = after.data.map(({ type }) => type as string);
    if (data === undefined) expect(types).toEqual(['open', 'resync', 'current']);
    // Either resumed without a gap, or with a resync.
    else expect(after.data[0].resumed ? types.includes('resync') : !types.includes('resync')).toBe(false);
    await second.close();
  }
});

test('a closed server does not keep the process alive', async () => {
  const program = `
    import { startServer } from ${JSON.stringify(new URL('../../src/server/index.ts', import.meta.url).href)};
    const server = await startServer({ port: 0 });
    await (await fetch(server.url + '/healthz')).text();
    await server.close();
    console.log('closed');`;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '-e', program],
    { timeout: 25_000 },
  );
  expect(stdout).toBe('closed\n');
});

test('a damaged data folder is rejected', async () => {
  const data = temporaryPath('data');
  await (await startServer({ port: 0, data })).close();
  writeFileSync(`${data}/end`, '');
  await expect(startServer({ port: 0, data })).rejects.toMatchObject({
    code: 'REGISTRY_INVALID',
    message: expect.stringContaining(data) as string,
  });
});
