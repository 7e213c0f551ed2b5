/** The server as a whole: started, found, ended, and started again on what it kept. */
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

/** Reads a watch until it has told that it is current. */
async function currentEvents(url: string, lastEventId?: string) {
  const { body } = await request(
    `${url}/v1/watch?glob=/shop/**`,
    lastEventId === undefined ? {} : { headers: { 'last-event-id': lastEventId } },
  );
  let text = '';
  for await (const piece of body) {
    text += String(piece);
    if (/event: current\ndata: .*\n\n/.test(text)) break;
  }
  const ids = [...text.matchAll(/^id: (.*)$/gm)].map((match) => match[1] as string);
  const data = [...text.matchAll(/^data: (.*)$/gm)].map((match) => JSON.parse(match[1] as string));
  return { data, last: ids.at(-1) as string };
}

test('one line starts it, and it is gone when its block is left', async () => {
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

test('options that cannot work are refused, each with what to write', async () => {
  for (const [options, message] of [
    [{ prot: 4711 }, "Option 'prot' is unknown; known are port, host, data"],
    [{ port: 65_536 }, 'Option port must be a whole number from 0 to 65535'],
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

test('a port in use is named, and nothing is left behind', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => taken.once('listening', resolve));
  const { port } = taken.address() as { port: number };
  const data = temporaryPath('data');
  await expect(startServer({ port, data })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining(`Port ${port} of 127.0.0.1 is in use`) as string,
  });
  // The folder was let go of.
  await (await startServer({ port: 0, data })).close();
  taken.close();
});

test('a second server on a folder is refused; the first goes on; after it the folder is free', async () => {
  const data = temporaryPath('data');
  const first = await startServer({ port: 0, data });
  await expect(startServer({ port: 0, data })).rejects.toMatchObject({
    code: 'FORBIDDEN',
    message: expect.stringContaining('in use by another server') as string,
  });
  expect((await post(first.url, '/v1/register', endpoint)).status).toBe(200);
  await first.close();
  const second = await startServer({ port: 0, data });
  expect((await get(second.url, '/v1/resolve?name=/shop/orders')).json.endpoints).toMatchObject([
    { id: 'a', epoch: 1 },
  ]);
  await second.close();
});

test('a watch goes on over a restart on the same data, and begins anew where nothing was kept', async () => {
  for (const data of [temporaryPath('data'), undefined]) {
    const options = { port: 0, ...(data !== undefined && { data }) };
    const first = await startServer(options);
    await post(first.url, '/v1/register', endpoint);
    const seen = await currentEvents(first.url);
    expect(seen.data.map(({ type }) => type)).toEqual(['open', 'put', 'current']);
    await first.close();
    const second = await startServer(options);
    const again = await currentEvents(second.url, seen.last);
    expect(again.data[0]).toMatchObject({ type: 'open' });
    const types = again.data.map(({ type }) => type as string);
    if (data === undefined) expect(types).toEqual(['open', 'resync', 'current']);
    // Resumed with nothing missed, or begun anew and told so: never silent about a gap.
    else expect(again.data[0].resumed ? types.includes('resync') : !types.includes('resync')).toBe(false);
    await second.close();
  }
});

test('an embedded server that was closed keeps no process alive', async () => {
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

test('data of a folder that was tampered with is not served', async () => {
  const data = temporaryPath('data');
  await (await startServer({ port: 0, data })).close();
  writeFileSync(`${data}/CURRENT`, 'MANIFEST-999999\n');
  await expect(startServer({ port: 0, data })).rejects.toMatchObject({
    code: 'REGISTRY_INVALID',
    message: expect.stringContaining(data) as string,
  });
});
