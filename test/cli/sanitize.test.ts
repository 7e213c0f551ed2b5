/** Text of a registry or a service cannot move the cursor or fake lines. @see [A26](../../docs/guarantees.md#a26) */
import type { ServerResponse } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { runCli } from './support/run-cli.js';
import { fakeRegistry, sendFailure } from './support/fake-registry.js';

const servers: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

const unsafe = '\u001b]0;title\u0007\u001b[2J\u009b1A\r\nclerk: fine\u202e';
const position = { revision: '1', incarnation: unsafe };
const unsafeResponses = {
  list: { ...position, entries: [{ name: `/a${unsafe}`, kind: 'link', target: unsafe }], next: null },
  resolve: {
    name: `/a${unsafe}`,
    canonical: unsafe,
    kind: 'service',
    path: [{ name: unsafe, kind: 'link', guaranteedMs: 1 }],
    endpoints: [
      {
        id: unsafe,
        epoch: 1,
        addresses: [unsafe],
        host: unsafe,
        zone: unsafe,
        version: unsafe,
        weight: 1,
        attributes: { [unsafe]: unsafe },
        leaseMs: 1,
        state: 'up',
      },
    ],
    policy: unsafe,
    launchable: true,
    ...position,
    guaranteedMs: 1,
    ttlMs: 1,
  },
  search: {
    entries: [
      {
        name: unsafe,
        endpoints: [
          {
            ...{ id: unsafe, epoch: 1, addresses: [unsafe], host: unsafe, zone: unsafe, version: unsafe },
            ...{ weight: 1, attributes: {}, leaseMs: 1, state: 'up' },
          },
        ],
      },
    ],
    next: null,
    ...position,
  },
  whois: { owners: [{ name: unsafe, id: unsafe, epoch: 1 }] },
  define: { ...position, appliesInMs: 0 },
  link: { ...position, revision: unsafe, appliesInMs: 5 },
  launch: { name: unsafe, endpoints: [], started: true },
  import: { entries: 1, revision: '1' },
};

/** Unsafe characters in an output, apart from the colors and line breaks of the command line itself. */
function unsafeCharactersIn(text: string): RegExpMatchArray | null {
  // eslint-disable-next-line no-control-regex -- removes the colors of the command line
  return text.replace(/\u001b\[[0-9]{1,2}m/g, '').match(/[^\P{C}\n]/u);
}

test.each(
  [
    'ls',
    'ls --json',
    'resolve /a',
    'resolve /a --json',
    'explain /a',
    'whois http://a',
    'whois http://a --json',
    'search /**',
    'search /** --json',
  ].concat(
    'define /a',
    'define /a --json',
    'link /a /b',
    'launch /a',
    'launch /a --json',
    'import',
    'import --json',
  ),
)('clerk %s sanitizes the response', async (line) => {
  const registry = await fakeRegistry(unsafeResponses);
  servers.push(registry);
  const result = await runCli(line.split(' '), { registry: registry.url, terminal: true, stdin: '{}' });
  expect(result.out + result.err).not.toBe('');
  expect(unsafeCharactersIn(result.out)).toBeNull();
  expect(unsafeCharactersIn(result.err)).toBeNull();
  expect(`${result.out}\n${result.err}`).not.toMatch(/^clerk: fine/m);
});

test.each(['', ' --json'])('an error message is sanitized%s', async (json) => {
  const registry = await fakeRegistry({
    remove: (_, response) => sendFailure(response, 403, 'FORBIDDEN', unsafe),
  });
  servers.push(registry);
  const result = await runCli(`rm /a${json}`.split(' '), { registry: registry.url, terminal: true });
  expect(result.code).toBe(5);
  expect(result.err).toContain('title');
  expect(unsafeCharactersIn(result.err)).toBeNull();
  expect(result.err.trim().split('\n')).toHaveLength(1);
});

test('a sanitized export parses to the original value', async () => {
  const line = { kind: 'service', name: unsafe };
  const registry = await fakeRegistry({
    export: (_, response) =>
      response.setHeader('content-type', 'application/x-ndjson').end(`${JSON.stringify(line)}\n`),
  });
  servers.push(registry);
  const { out } = await runCli(['export'], { registry: registry.url });
  expect(unsafeCharactersIn(out)).toBeNull();
  expect(JSON.parse(out)).toEqual(line);
});

test('an invalid command line is sanitized in the error', async () => {
  const { code, err } = await runCli([`l${unsafe}s`], { terminal: true });
  expect(code).toBe(2);
  expect(unsafeCharactersIn(err)).toBeNull();
});

test('the sizes of a response and of a line of an export are limited', async () => {
  const flood = async (path: 'list' | 'export', argv: string[]) => {
    const registry = await fakeRegistry({
      [path]: (_: unknown, response: ServerResponse) => {
        if (path === 'export') response.setHeader('content-type', 'application/x-ndjson');
        const more = (): void => {
          while (!response.destroyed && response.write('x'.repeat(65_536)));
        };
        response.on('drain', more);
        more();
      },
    });
    servers.push(registry);
    return runCli(argv, { registry: registry.url });
  };
  const list = await flood('list', ['ls']);
  expect(list).toMatchObject({ code: 4, out: '' });
  expect(list.err).toContain('received a response body of more than 4194304 bytes');
  const lines = await flood('export', ['export']);
  expect(lines).toMatchObject({ code: 4, out: '' });
  expect(lines.err).toContain('received a line of more than 4194304 bytes');
});
