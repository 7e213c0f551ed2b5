import js from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

/*
 * Clocks, timers, randomness, sockets, files and child processes are restricted in `src`. `exceptions`
 * lists the files that may use them. To add one, add a line there and state the reason in that file.
 */
const effects = {
  sockets: { modules: ['net', 'tls', 'http', 'https', 'http2', 'dgram', 'dns'] },
  undici: { packages: ['undici'] },
  files: { modules: ['fs'] },
  processes: { modules: ['child_process'] },
  host: { modules: ['os'] },
  clock: { modules: ['timers', 'perf_hooks'] },
  randomness: { modules: ['crypto'] },
};

const exceptions = [
  { files: ['src/runtime/**/*.ts'], allowed: Object.keys(effects) },
  { files: ['src/transport/**/*.ts'], allowed: ['sockets', 'undici'] },
  { files: ['src/server/http/**'], allowed: ['sockets'] },
  {
    files: ['manifest-files', 'start-problem', 'file-facts', 'script-trust'].map(
      (name) => `src/server/launcher/${name}.ts`,
    ),
    allowed: ['files'],
  },
  // A list of addresses, which opens no socket.
  { files: ['src/core/address-policy.ts'], allowed: ['sockets'] },
  { files: ['src/cli/registry-client.ts'], allowed: ['sockets'] },
  { files: ['src/cli/read-input.ts'], allowed: ['files'] },
];

/** Packages that one file each wraps, so that replacing one changes a single file. */
const wrappedPackages = {
  'p-retry': 'src/runtime/p-retry-loop.ts',
  'lru-cache': 'src/resolve/lru-cache.ts',
  eventemitter3: 'src/core/safe-emitter.ts',
  jose: 'src/tickets/jws.ts',
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
const randomGlobals = ['crypto'];
const socketGlobals = ['fetch', 'WebSocket', 'EventSource'];

const clockProperties = [
  { object: 'process', property: 'hrtime' },
  { object: 'process', property: 'uptime' },
  { object: 'AbortSignal', property: 'timeout' },
];
const randomProperties = [{ object: 'Math', property: 'random' }];

const throughRuntime = 'Use the Runtime port.';

/** The import and global rules of a file set: restricts every effect and wrapped package but the allowed ones. */
function restrictions({ allowed = [], packages = [] } = {}) {
  const restricted = Object.entries(effects).filter(([effect]) => !allowed.includes(effect));
  const modules = restricted.flatMap(([, { modules = [] }]) => modules);
  const outside = restricted.flatMap(([, { packages: names = [] }]) => names);
  const wrapped = Object.keys(wrappedPackages).filter((name) => !packages.includes(name));
  const names = (list) => list.join('|');

  const patterns = [];
  const expressions = [{ regex: '^(node:)?module$', message: 'Use an import, not require.' }];
  if (modules.length > 0) {
    const regex = `^(node:)?(${names(modules)})(/.*)?$`;
    patterns.push({ regex, allowTypeImports: true, message: throughRuntime });
    expressions.push({ regex, message: throughRuntime });
  }
  if (outside.length > 0) {
    const regex = `^(${names(outside)})(/.*)?$`;
    const message = 'Only src/transport and src/runtime load it; its types may be imported anywhere.';
    patterns.push({ regex, allowTypeImports: true, message });
    expressions.push({ regex, message });
  }
  if (wrapped.length > 0) {
    const regex = `^(${names(wrapped)})(/.*)?$`;
    const message = `Wrapped by one file: ${wrapped.map((name) => `${name} in ${wrappedPackages[name]}`).join(', ')}.`;
    patterns.push({ regex, message });
    expressions.push({ regex, message });
  }

  const globals = [
    ...(allowed.includes('clock') ? [] : clockGlobals),
    ...(allowed.includes('randomness') ? [] : randomGlobals),
    ...(allowed.includes('sockets') ? [] : socketGlobals),
  ];
  const properties = [
    { object: 'process', property: 'getBuiltinModule', message: 'Import the module by name.' },
    ...(allowed.includes('clock') ? [] : clockProperties),
    ...(allowed.includes('randomness') ? [] : randomProperties),
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

  // Files without type checks: tool configuration, the test runner, benchmarks.
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
      // A port uses `async` without `await` to turn a throw into a rejection.
      '@typescript-eslint/require-await': 'off',
      // The reason of an AbortSignal is `any` and is passed on unchanged.
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

  { files: ['src/**/*.ts'], rules: restrictions() },
  ...exceptions.map(({ files, allowed }) => ({ files, rules: restrictions({ allowed }) })),
  ...Object.entries(wrappedPackages).map(([name, file]) => ({
    files: [file],
    rules: restrictions({ packages: [name] }),
  })),

  // Tests and examples: looser about types, equally strict about promises.
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
        { selector: 'Program', message: 'Name the file after what it does.' },
      ],
    },
  },
);
