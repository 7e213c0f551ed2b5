import { expect, test } from 'vitest';
import { errorMessage } from '../../../src/core/errors.js';
import { manifestName, parseManifest } from '../../../src/server/launcher/manifest.js';

const least = ['version: 1', 'service: /shop/orders', 'exec: /usr/bin/orders'];

/** What is said against the least manifest with more lines, or with other ones. */
function fault(...lines: string[]): string {
  try {
    parseManifest('orders.yaml', lines.join('\n'));
    return 'nothing';
  } catch (error) {
    expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
    return errorMessage(error);
  }
}

test('the least manifest gets its defaults', () => {
  const manifest = parseManifest('orders.yaml', least.join('\n'));
  expect(manifest).toMatchObject({
    exec: '/usr/bin/orders',
    args: [],
    env: [],
    cwd: '/',
    user: undefined,
    maxInstances: 1,
    readyMs: 10_000,
    idleStopMs: undefined,
  });
  expect(manifest.service.text).toBe('/shop/orders');
  expect(parseManifest('x.yaml', 'version: 1\nservice: /cms/*\nexec: /bin/cms').maxInstances).toBe(16);
});

test('everything that can be said', () => {
  const manifest = parseManifest(
    'orders.yaml',
    `
version: 1
service: /shop/**
exec: /usr/bin/node
args: [/srv/orders.js, '--port=\${port}', '\${zone}\${zone}', '$5', --]
params:
  port: { type: integer, min: 1024, max: 65535 }
  zone: { type: string, enum: [a, b] }
  ratio: { type: number, min: 0 }
  title: { type: string, pattern: '[a-z]+|b' }
env: [LANG, TZ]
cwd: /srv
user: orders
maxInstances: 3
readyMs: 500
idleStopMs: 60000
`,
  );
  expect(manifest).toMatchObject({
    args: ['/srv/orders.js', '--port=${port}', '${zone}${zone}', '$5', '--'],
    env: ['LANG', 'TZ'],
    cwd: '/srv',
    user: 'orders',
    maxInstances: 3,
    readyMs: 500,
    idleStopMs: 60_000,
  });
  expect([...manifest.params.keys()]).toEqual(['port', 'zone', 'ratio', 'title']);
  expect(manifest.params.get('ratio')).toEqual({ type: 'number', min: 0, max: Infinity });
  // Whatever is in a pattern, it is for the whole value.
  const title = manifest.params.get('title');
  const fits = title?.type === 'string' && title.allowed instanceof RegExp ? title.allowed : /never/;
  expect(['abc', 'b', 'abc1', 'xb ', 'ab\n'].map((text) => fits.test(text))).toEqual([
    ...[true, true, false, false, false],
  ]);
});

test.each([
  [[], 'orders.yaml, line 1: version is missing'],
  [['- a'], 'orders.yaml, line 1: the manifest is a list, not a map'],
  [['version: 1', 'service: /a', 'exec: [/x'], /^orders\.yaml, line 3: the manifest is no YAML: /],
  [[...least, 'exec: /b'], /^orders\.yaml, line 4: the manifest is no YAML: Map keys must be unique/],
  [['version: 2', ...least.slice(1)], 'orders.yaml, line 1: version is not 1, the only version there is'],
  [['version: "1"', ...least.slice(1)], 'orders.yaml, line 1: version is a text, not a number'],
  [[...least, 'arg: []'], /^orders\.yaml, line 4: arg is not known; version, service, exec, args, /],
  [['version: 1', 'service: /shop/**x', 'exec: /b'], /^orders\.yaml, line 2: service cannot be used: Glob /],
  [['version: 1', 'exec: /b'], 'orders.yaml, line 1: service is missing'],
  [
    ['version: 1', 'service: /a', '', 'exec: node'],
    'orders.yaml, line 4: exec is "node"; write the whole path, from \'/\' on',
  ],
  [['version: 1', 'service: /a', 'exec:'], 'orders.yaml, line 3: exec is empty, not a text or a number'],
  [[...least, 'cwd: srv'], /^orders\.yaml, line 4: cwd is "srv"; write the whole path/],
  [[...least, 'args: a'], 'orders.yaml, line 4: args is the string, not a list'],
  [
    [...least, 'args:', '  - a', '  - 80'],
    'orders.yaml, line 6: args[1] is a number, not a text; put it in quotes',
  ],
  [[...least, 'args: [true]'], 'orders.yaml, line 4: args[0] is the boolean, not a text or a number'],
  [
    [...least, 'args: ["${port}"]'],
    "orders.yaml, line 4: args[0] has a hole for 'port', which is not among params",
  ],
  [
    [...least, 'args: ["${port"]'],
    "orders.yaml, line 4: args[0] has a '${' that does not end; write ${param}",
  ],
  [[...least, 'args: ["a\\0b"]'], 'orders.yaml, line 4: args[0] has the character \\u0000'],
  [[...least, 'args: &a [x]', 'env: *a'], 'orders.yaml, line 5: env is an alias, not a list'],
  [[...least, 'env: [A-B]'], 'orders.yaml, line 4: env[0] is no name of a variable'],
  [
    [...least, 'env: [CLERK_LAUNCHED]'],
    'orders.yaml, line 4: env[0] is CLERK_LAUNCHED, which the launcher sets itself',
  ],
  [[...least, 'user: -1'], 'orders.yaml, line 4: user is no name and no number of a user'],
  [
    [...least, 'params: { 1a: { type: string } }'],
    /^orders\.yaml, line 4: params\.1a is no name of a parameter/,
  ],
  [[...least, 'params: { p: {} }'], 'orders.yaml, line 4: params.p.type is missing'],
  [
    [...least, 'params:', '  p:', '    type: float'],
    "orders.yaml, line 6: params.p.type is not 'string', 'integer' or 'number'",
  ],
  [
    [...least, 'params: { p: { type: string, min: 1 } }'],
    'orders.yaml, line 4: params.p.min does not go with a string',
  ],
  [
    [...least, 'params: { p: { type: integer, pattern: a } }'],
    'orders.yaml, line 4: params.p.pattern does not go with type integer',
  ],
  [
    [...least, 'params: { p: { type: integer, min: 1.5 } }'],
    'orders.yaml, line 4: params.p.min is no integer',
  ],
  [
    [...least, 'params: { p: { type: number, min: 2, max: 1 } }'],
    'orders.yaml, line 4: params.p.min is 2, above max, which is 1',
  ],
  [
    [...least, 'params: { p: { type: string, pattern: a, enum: [a] } }'],
    'orders.yaml, line 4: params.p.enum does not go with pattern; leave one of them out',
  ],
  [
    [...least, 'params: { p: { type: string, enum: [] } }'],
    'orders.yaml, line 4: params.p.enum has no item, so that no value would do',
  ],
  [
    [...least, 'params: { p: { type: string, pattern: "(" } }'],
    /^orders\.yaml, line 4: params\.p\.pattern cannot be/,
  ],
  [[...least, 'params: { p: { type: string, pattern: "a)|(b" } }'], /params\.p\.pattern cannot be used: /],
  [
    [...least, 'params: { p: { type: string, size: 1 } }'],
    /^orders\.yaml, line 4: params\.p\.size is not known/,
  ],
  [
    [...least, 'readyMs: 99'],
    'orders.yaml, line 4: readyMs is 99; an integer from 100 to 600000 can be there',
  ],
  [[...least, 'readyMs: 100'], 'nothing'],
  [[...least, 'readyMs: 600000'], 'nothing'],
  [[...least, 'readyMs: 600001'], /^orders\.yaml, line 4: readyMs is 600001/],
  [[...least, 'idleStopMs: 999'], /^orders\.yaml, line 4: idleStopMs is 999/],
  [[...least, 'maxInstances: 0'], /^orders\.yaml, line 4: maxInstances is 0/],
  [[...least, 'maxInstances: 1001'], /^orders\.yaml, line 4: maxInstances is 1001/],
  [[...least, 'maxInstances: 1.5'], /^orders\.yaml, line 4: maxInstances is 1\.5/],
] as const)('%j: %s', (lines, expected) => {
  if (typeof expected === 'string') expect(fault(...lines)).toBe(expected);
  else expect(fault(...lines)).toMatch(expected);
});

test('a manifest is named after its file', () => {
  expect(manifestName('orders.yaml')).toBe('orders');
  for (const file of ['.yaml', '-x.yaml', 'a b.yaml', `${'a'.repeat(64)}.yaml`])
    expect(() => manifestName(file)).toThrow(/is no name for a manifest/);
});
