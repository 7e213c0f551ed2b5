import { expect, test } from 'vitest';
import { errorMessage } from '../../../src/core/errors.js';
import { LinearPattern } from '../../../src/server/launcher/linear-pattern.js';
import { manifestName, parseManifest } from '../../../src/server/launcher/manifest.js';

const minimal = ['version: 1', 'service: /shop/orders', 'exec: /usr/bin/orders'];

/** The error message for a manifest with these lines; 'nothing' when it is valid. */
function errorOf(...lines: string[]): string {
  try {
    parseManifest('orders.yaml', lines.join('\n'));
    return 'nothing';
  } catch (error) {
    expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
    return errorMessage(error);
  }
}

test('a minimal manifest gets the defaults', () => {
  const manifest = parseManifest('orders.yaml', minimal.join('\n'));
  expect(manifest).toMatchObject({
    exec: '/usr/bin/orders',
    args: [],
    env: [],
    cwd: '/',
    user: undefined,
    maxInstances: 1,
    readyMs: 10_000,
    idleStopMs: undefined,
    drainMs: 30_000,
  });
  expect(manifest.service.text).toBe('/shop/orders');
  expect(parseManifest('x.yaml', 'version: 1\nservice: /cms/*\nexec: /bin/cms').maxInstances).toBe(16);
});

test('a manifest with every field is parsed', () => {
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
drainMs: 5000
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
    drainMs: 5_000,
  });
  expect([...manifest.params.keys()]).toEqual(['port', 'zone', 'ratio', 'title']);
  expect(manifest.params.get('ratio')).toEqual({ type: 'number', min: 0, max: Infinity });
  // A pattern is matched against the whole value.
  const title = manifest.params.get('title');
  const allowed = title?.type === 'string' ? title.allowed : undefined;
  const pattern = allowed instanceof LinearPattern ? allowed : new LinearPattern('never');
  expect(['abc', 'b', 'abc1', 'xb ', 'ab\n'].map((text) => pattern.matches(text))).toEqual([
    ...[true, true, false, false, false],
  ]);
});

test.each([
  [[], 'orders.yaml, line 1: version is required'],
  [['- a'], 'orders.yaml, line 1: the manifest must be a map; got a list'],
  [['version: 1', 'service: /a', 'exec: [/x'], /^orders\.yaml, line 3: the manifest must be valid YAML: /],
  [
    [...minimal, 'exec: /b'],
    /^orders\.yaml, line 4: the manifest must be valid YAML: Map keys must be unique/,
  ],
  [['version: 2', ...minimal.slice(1)], 'orders.yaml, line 1: version must be 1'],
  [['version: "1"', ...minimal.slice(1)], 'orders.yaml, line 1: version must be a number; got a string'],
  [
    [...minimal, 'arg: []'],
    /^orders\.yaml, line 4: arg is not a known field; known fields are version, service, exec, args, /,
  ],
  [
    ['version: 1', 'service: /shop/**x', 'exec: /b'],
    /^orders\.yaml, line 2: service must be a service name or a glob: Glob /,
  ],
  [['version: 1', 'exec: /b'], 'orders.yaml, line 1: service is required'],
  [
    ['version: 1', 'service: /a', '', 'exec: node'],
    'orders.yaml, line 4: exec must be an absolute path; got "node"',
  ],
  [
    ['version: 1', 'service: /a', 'exec:'],
    'orders.yaml, line 3: exec must be a string or a number; got an empty value',
  ],
  [[...minimal, 'cwd: srv'], /^orders\.yaml, line 4: cwd must be an absolute path; got "srv"$/],
  [[...minimal, 'args: a'], 'orders.yaml, line 4: args must be a list; got a string'],
  [
    [...minimal, 'args:', '  - a', '  - 80'],
    'orders.yaml, line 6: args[1] must be a string; got a number; put the number in quotes',
  ],
  [[...minimal, 'args: [true]'], 'orders.yaml, line 4: args[0] must be a string or a number; got a boolean'],
  [
    [...minimal, 'args: ["${port}"]'],
    "orders.yaml, line 4: args[0] uses parameter 'port', which is not declared in params; declare the parameter, or correct the name",
  ],
  [
    [...minimal, 'args: ["${port"]'],
    "orders.yaml, line 4: args[0] has a '${' that does not begin a valid placeholder; write a placeholder as ${param}",
  ],
  [[...minimal, 'args: ["a\\0b"]'], 'orders.yaml, line 4: args[0] must not contain the character \\u0000'],
  [[...minimal, 'args: &a [x]', 'env: *a'], 'orders.yaml, line 5: env must be a list; got an alias'],
  [[...minimal, 'env: [A-B]'], 'orders.yaml, line 4: env[0] must be the name of an environment variable'],
  [
    [...minimal, 'env: [CLERK_LAUNCHED]'],
    'orders.yaml, line 4: env[0] must not be CLERK_LAUNCHED; the launcher sets this variable',
  ],
  [[...minimal, 'user: -1'], 'orders.yaml, line 4: user must be a user name or a user id'],
  [
    [...minimal, 'params: { 1a: { type: string } }'],
    /^orders\.yaml, line 4: params\.1a must be a parameter name: /,
  ],
  [[...minimal, 'params: { p: {} }'], 'orders.yaml, line 4: params.p.type is required'],
  [
    [...minimal, 'params:', '  p:', '    type: float'],
    "orders.yaml, line 6: params.p.type must be 'string', 'integer' or 'number'",
  ],
  [
    [...minimal, 'params: { p: { type: string, min: 1 } }'],
    'orders.yaml, line 4: params.p.min is not allowed with type string',
  ],
  [
    [...minimal, 'params: { p: { type: integer, pattern: a } }'],
    'orders.yaml, line 4: params.p.pattern is not allowed with type integer',
  ],
  [
    [...minimal, 'params: { p: { type: integer, min: 1.5 } }'],
    'orders.yaml, line 4: params.p.min must be an integer',
  ],
  [
    [...minimal, 'params: { p: { type: number, min: 2, max: 1 } }'],
    'orders.yaml, line 4: params.p.min must not be above max; got 2 and max 1',
  ],
  [
    [...minimal, 'params: { p: { type: string, pattern: a, enum: [a] } }'],
    'orders.yaml, line 4: params.p.enum cannot be combined with pattern; remove enum or pattern',
  ],
  [
    [...minimal, 'params: { p: { type: string, enum: [] } }'],
    'orders.yaml, line 4: params.p.enum must have at least one item',
  ],
  [
    [...minimal, 'params: { p: { type: string, pattern: "(" } }'],
    /^orders\.yaml, line 4: params\.p\.pattern must close each '\('; write '\\\(' for a parenthesis; got '\('$/,
  ],
  [
    [...minimal, 'params: { p: { type: string, pattern: "a)|(b" } }'],
    /params\.p\.pattern must not have a '\)' without a '\('/,
  ],
  [
    [...minimal, 'params: { p: { type: string, size: 1 } }'],
    /^orders\.yaml, line 4: params\.p\.size is not a known field/,
  ],
  [[...minimal, 'readyMs: 99'], 'orders.yaml, line 4: readyMs must be an integer from 100 to 600000; got 99'],
  [[...minimal, 'readyMs: 100'], 'nothing'],
  [[...minimal, 'readyMs: 600000'], 'nothing'],
  [
    [...minimal, 'readyMs: 600001'],
    /^orders\.yaml, line 4: readyMs must be an integer from 100 to 600000; got 600001/,
  ],
  [
    [...minimal, 'idleStopMs: 999'],
    /^orders\.yaml, line 4: idleStopMs must be an integer from 1000 to \d+; got 999/,
  ],
  [
    [...minimal, 'maxInstances: 0'],
    /^orders\.yaml, line 4: maxInstances must be an integer from 1 to 1000; got 0/,
  ],
  [
    [...minimal, 'maxInstances: 1001'],
    /^orders\.yaml, line 4: maxInstances must be an integer from 1 to 1000; got 1001/,
  ],
  [
    [...minimal, 'maxInstances: 1.5'],
    /^orders\.yaml, line 4: maxInstances must be an integer from 1 to 1000; got 1\.5/,
  ],
] as const)('%j: %s', (lines, expected) => {
  if (typeof expected === 'string') expect(errorOf(...lines)).toBe(expected);
  else expect(errorOf(...lines)).toMatch(expected);
});

test('a manifest is named after its file', () => {
  expect(manifestName('orders.yaml')).toBe('orders');
  for (const file of ['.yaml', '-x.yaml', 'a b.yaml', `${'a'.repeat(64)}.yaml`])
    expect(() => manifestName(file)).toThrow(/^Manifest file name must have 1 to 63 /);
});
