/** What a registry or a service sends moves no cursor and forges no line. @see promises A26 */
import type { ServerResponse } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { runCli } from './support/run-cli.js';
import { fakeRegistry, sendFailure } from './support/fake-registry.js';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
});

const evil = '\u001b]0;title\u0007\u001b[2J\u009b1A\r\nclerk: fine\u202e';
const hostile = {
  list: { entries: [{ name: `/a${evil}`, kind: evil, target: evil }], next: null, incarnation: 'i' },
  resolve: {
    name: `/a${evil}`,
    canonical: evil,
    kind: 'service',
    path: [{ name: evil, kind: 'link', guaranteedMs: 1 }],
    endpoints: [
      {
        id: evil,
        epoch: 1,
        addresses: [evil],
        host: evil,
        zone: evil,
        version: evil,
        weight: 1,
        attributes: { [evil]: evil },
        leaseMs: 1,
        state: evil,
      },
    ],
    policy: evil,
    launchable: true,
    revision: evil,
    incarnation: 'i',
    guaranteedMs: 1,
    ttlMs: 1,
  },
  whois: { owners: [{ name: evil, id: evil, epoch: 1 }] },
  define: { revision: evil, appliesInMs: 0 },
  link: { revision: evil, appliesInMs: 5 },
  launch: { name: evil, endpoints: [], started: true },
  import: { entries: 1, revision: evil },
};

/** Only what this program itself uses: colours and line breaks. */
function dangerous(text: string): RegExpMatchArray | null {
  // eslint-disable-next-line no-control-regex -- what is looked for
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
  ].concat(
    'define /a',
    'define /a --json',
    'link /a /b',
    'launch /a',
    'launch /a --json',
    'import',
    'import --json',
  ),
)('clerk %s shows it harmless', async (line) => {
  const registry = await fakeRegistry(hostile);
  open.push(registry);
  const ran = await runCli(line.split(' '), { registry: registry.url, terminal: true, stdin: '{}' });
  expect(ran.out + ran.err).not.toBe('');
  expect(dangerous(ran.out)).toBeNull();
  expect(dangerous(ran.err)).toBeNull();
  expect(`${ran.out}\n${ran.err}`).not.toMatch(/^clerk: fine/m);
});

test.each(['', ' --json'])('a refusal in evil words%s', async (json) => {
  const registry = await fakeRegistry({
    remove: (_, response) => sendFailure(response, 403, 'FORBIDDEN', evil),
  });
  open.push(registry);
  const ran = await runCli(`rm /a${json}`.split(' '), { registry: registry.url, terminal: true });
  expect(ran.code).toBe(5);
  expect(ran.err).toContain('title');
  expect(dangerous(ran.err)).toBeNull();
  expect(ran.err.trim().split('\n')).toHaveLength(1);
});

test('an export of evil lines reads back as what it was', async () => {
  const line = { kind: 'service', name: evil };
  const registry = await fakeRegistry({ export: (_, response) => response.end(`${JSON.stringify(line)}\n`) });
  open.push(registry);
  const { out } = await runCli(['export'], { registry: registry.url });
  expect(dangerous(out)).toBeNull();
  expect(JSON.parse(out)).toEqual(line);
});

test('what is typed wrong is not echoed as it is', async () => {
  const { code, err } = await runCli([`l${evil}s`], { terminal: true });
  expect(code).toBe(2);
  expect(dangerous(err)).toBeNull();
});

test('an answer, or a line, without end is not taken', async () => {
  const flood = async (path: 'list' | 'export', argv: string[]) => {
    const registry = await fakeRegistry({
      [path]: (_: unknown, response: ServerResponse) => {
        const more = (): void => {
          while (!response.destroyed && response.write('x'.repeat(65_536)));
        };
        response.on('drain', more);
        more();
      },
    });
    open.push(registry);
    return runCli(argv, { registry: registry.url });
  };
  const list = await flood('list', ['ls']);
  expect(list).toMatchObject({ code: 4, out: '' });
  expect(list.err).toContain('is longer than 16777216 bytes');
  const line = await flood('export', ['export']);
  expect(line).toMatchObject({ code: 4, out: '' });
  expect(line.err).toContain('sent a line longer than 1048576 characters');
});
