import js from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

/*
 * The outside world comes in through few doors. Every file of `src` is shut off from clocks, timers,
 * chance, sockets, files and child processes; `doors` below names the files that may open one.
 * To open another, add a line there and say why in the file that needs it.
 */
const worlds = {
  sockets: { modules: ['net', 'tls', 'http', 'https', 'http2', 'dgram', 'dns'] },
  undici: { packages: ['undici'] },
  files: { modules: ['fs'] },
  processes: { modules: ['child_process'] },
  host: { modules: ['os'] },
  clock: { modules: ['timers', 'perf_hooks'] },
  chance: { modules: ['crypto'] },
};

const doors = [
  { files: ['src/runtime/**'], open: Object.keys(worlds) },
  { files: ['src/transport/**'], open: ['sockets', 'undici'] },
  { files: ['src/server/http/**'], open: ['sockets'] },
  { files: ['src/server/store/leveldb-store.ts', 'src/server/launcher/manifest-files.ts'], open: ['files'] },
  { files: ['src/cli/registry-client.ts'], open: ['sockets'] },
  { files: ['src/cli/read-input.ts'], open: ['files'] },
];

/** Packages that live behind one file each, so that one file is all that changes when they do. */
const behindOneFile = {
  'p-retry': 'src/invoke/p-retry-loop.ts',
  'lru-cache': 'src/resolve/lru-cache.ts',
  eventemitter3: 'src/client/events.ts',
};

const clockGlobals = [
  'Date',
  'performance',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'clearTimeout',
  'clearInterval',
  'clearImmediate',
];
const chanceGlobals = ['crypto'];
const socketGlobals = ['fetch', 'WebSocket', 'EventSource'];

const clockProperties = [
  { object: 'process', property: 'hrtime' },
  { object: 'process', property: 'uptime' },
  { object: 'AbortSignal', property: 'timeout' },
];
const chanceProperties = [{ object: 'Math', property: 'random' }];

const throughRuntime = 'It comes in through the Runtime port.';

/** The import and global rules of one file set: everything is shut but the named worlds and packages. */
function shut({ open = [], packages = [] } = {}) {
  const closed = Object.entries(worlds).filter(([world]) => !open.includes(world));
  const modules = closed.flatMap(([, { modules = [] }]) => modules);
  const outside = closed.flatMap(([, { packages: names = [] }]) => names);
  const alone = Object.keys(behindOneFile).filter((name) => !packages.includes(name));
  const names = (list) => list.join('|');

  const patterns = [];
  const expressions = [{ regex: '^(node:)?module$', message: 'Modules are imported, not required.' }];
  if (modules.length > 0) {
    const regex = `^(node:)?(${names(modules)})(/.*)?$`;
    patterns.push({ regex, allowTypeImports: true, message: throughRuntime });
    expressions.push({ regex, message: throughRuntime });
  }
  if (outside.length > 0) {
    const regex = `^(${names(outside)})(/.*)?$`;
    const message = 'Only src/transport and src/runtime may load it; its types may be imported anywhere.';
    patterns.push({ regex, allowTypeImports: true, message });
    expressions.push({ regex, message });
  }
  if (alone.length > 0) {
    const regex = `^(${names(alone)})(/.*)?$`;
    const message = `Lives behind one file: ${alone.map((name) => `${name} in ${behindOneFile[name]}`).join(', ')}.`;
    patterns.push({ regex, message });
    expressions.push({ regex, message });
  }

  const globals = [
    ...(open.includes('clock') ? [] : clockGlobals),
    ...(open.includes('chance') ? [] : chanceGlobals),
    ...(open.includes('sockets') ? [] : socketGlobals),
  ];
  const properties = [
    { object: 'process', property: 'getBuiltinModule', message: 'Modules are imported by name.' },
    ...(open.includes('clock') ? [] : clockProperties),
    ...(open.includes('chance') ? [] : chanceProperties),
  ];
  return {
    '@typescript-eslint/no-restricted-imports': ['error', { patterns }],
    'no-restricted-globals': [
      'error',
      { globals: globals.map((name) => ({ name, message: throughRuntime })), checkGlobalObject: true },
    ],
    'no-restricted-properties': [
      'error',
      ...properties.map((rule) => ({ message: throughRuntime, ...rule })),
    ],
    'no-restricted-syntax': [
      'error',
      ...expressions.map(({ regex, message }) => ({
        selector: `ImportExpression > Literal[value=/${regex.replaceAll('/', '\\/')}/]`,
        message,
      })),
    ],
  };
}

const noDefaultExport = {
  'no-restricted-exports': [
    'error',
    {
      restrictDefaultExports: {
        direct: true,
        named: true,
        defaultFrom: true,
        namedFrom: true,
        namespaceFrom: true,
      },
    },
  ],
};

const nodeGlobals = Object.fromEntries(
  [
    ...[
      'process',
      'console',
      'URL',
      'Buffer',
      'structuredClone',
      'queueMicrotask',
      'TextEncoder',
      'TextDecoder',
    ],
    ...['AbortController', 'AbortSignal', 'fetch', 'performance', 'crypto'],
    ...clockGlobals.slice(2),
  ].map((name) => [name, 'readonly']),
);

export default defineConfig(
  globalIgnores(['**/node_modules', '**/dist', 'docs-out', 'coverage', 'bench/results']),
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,

  // Programs that TypeScript does not check: tool configuration, the runner, benchmarks.
  {
    files: ['**/*.{js,mjs,cjs}', 'bench/**'],
    languageOptions: { globals: nodeGlobals },
  },
  { files: ['**/*.cjs'], languageOptions: { globals: { module: 'writable', require: 'readonly' } } },
  { files: ['bench/**/*.ts'], extends: [tseslint.configs.strict] },

  {
    files: ['{src,test,examples}/**/*.ts', 'vitest.config.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      eqeqeq: 'error',
      'no-console': 'error',
      '@typescript-eslint/consistent-type-exports': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      // `async` without `await` is how a port turns a throw into a rejection.
      '@typescript-eslint/require-await': 'off',
      // The reason of an AbortSignal is `any`, and is passed on as it came.
      '@typescript-eslint/only-throw-error': [
        'error',
        { allowThrowingAny: true, allowThrowingUnknown: true },
      ],
      '@typescript-eslint/prefer-promise-reject-errors': [
        'error',
        { allowThrowingAny: true, allowThrowingUnknown: true },
      ],
    },
  },
  { files: ['{src,test,examples}/**/*.ts'], rules: noDefaultExport },

  { files: ['src/**/*.ts'], rules: shut() },
  ...doors.map(({ files, open }) => ({ files, rules: shut({ open }) })),
  ...Object.entries(behindOneFile).map(([name, file]) => ({
    files: [file],
    rules: shut({ packages: [name] }),
  })),

  // Tests and examples read as prose: looser about types, as strict about promises.
  {
    files: ['{test,examples}/**/*.ts'],
    rules: {
      'no-console': 'off',
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/no-dynamic-delete': 'off',
      '@typescript-eslint/no-empty-function': 'off',
      '@typescript-eslint/no-explicit-any': 'off',
      '@typescript-eslint/no-extraneous-class': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unnecessary-condition': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/restrict-template-expressions': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },

  {
    files: ['**/{util,utils,helpers}.{ts,js,mjs}'],
    rules: {
      'no-restricted-syntax': [
        'error',
        { selector: 'Program', message: 'A helper is named for what it does, not for being one.' },
      ],
    },
  },
);
