import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { configDefaults, defineConfig } from 'vitest/config';
import { SlowestFirst } from './test/support/slowest-first.js';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** They keep a processor busy for minutes, in virtual time or on files of their own. */
const simulations = ['test/world/*-runs.test.ts', 'test/mutilations/*.test.ts'];
/** Files that share processes. Neither they nor the modules that they import may keep state that another file can notice. */
const units = [
  'test/{binding,core,factory,identity,invoke,load-balancing,protocol,resolve,testing,tickets,transport}/**/*.test.ts',
  'test/health/!(shared-suspects).test.ts',
  'test/registry-client/!(http-connection).test.ts',
  'test/client/!(bundled-registry|path-requests).test.ts',
  'test/registry/*.test.ts',
  'test/server/{audit,naming}/**/*.test.ts',
  'test/server/http/!(http-server).test.ts',
  'test/service/*.test.ts',
  'test/service/{at-most-once,cluster}/**/!(crash-recovery).test.ts',
  'test/world/dominance/*.test.ts',
];

/** Tests and examples import the package by its public names and run against the source. */
export default defineConfig({
  resolve: {
    alias: [
      {
        find: /^binding-clerk\/(admin|extend|identity|server|service|testing)$/,
        replacement: `${here('./src')}/$1/index.ts`,
      },
      { find: /^binding-clerk$/, replacement: here('./src/index.ts') },
    ],
  },
  test: {
    setupFiles: [here('./test/support/test-environment.ts')],
    pool: 'forks',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 10_000,
    restoreMocks: true,
    // vitest leaves one processor unused.
    maxWorkers: availableParallelism(),
    sequence: { sequencer: SlowestFirst },
    projects: [
      {
        extends: true,
        test: { name: 'world', include: simulations },
      },
      {
        extends: true,
        test: { name: 'unit', include: units, isolate: false },
      },
      {
        extends: true,
        test: {
          name: 'real',
          include: ['test/**/*.test.ts'],
          globalSetup: here('./test/support/compiled-programs.ts'),
          exclude: [...configDefaults.exclude, ...simulations, ...units],
          // The programs that these files start must not compete with simulations for the processors.
          sequence: { groupOrder: 1 },
        },
      },
    ],
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      reporter: ['text-summary', 'html', 'json-summary'],
      reportsDirectory: 'coverage',
    },
  },
});
