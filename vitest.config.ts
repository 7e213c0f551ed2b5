import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { configDefaults, defineConfig } from 'vitest/config';
import { SlowestFirst } from './test/support/slowest-first.js';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const simulations = ['test/world/*-runs.test.ts'];
/** Files that share processes. Neither they nor the modules that they import may keep state that another file can notice. */
const units = [
  'test/{binding,core,factory,health,identity,invoke,mutilations,protocol,registry-client,resolve,select,testing,tickets,transport}/**/*.test.ts',
  'test/client/!(bundled-registry).test.ts',
  'test/registry/*.test.ts',
  'test/server/{audit,http,naming}/**/*.test.ts',
  'test/service/*.test.ts',
  'test/service/{at-most-once,cluster}/**/!(crash-recovery).test.ts',
  'test/world/dominance/*.test.ts',
];

/** Tests and examples import the package by its public names and run against the source. */
export default defineConfig({
  resolve: {
    alias: [
      {
        find: /^binding-clerk\/(extend|identity|server|service|testing)$/,
        replacement: `${here('./src')}/$1/index.ts`,
      },
      { find: /^binding-clerk$/, replacement: here('./src/index.ts') },
    ],
  },
  test: {
    setupFiles: [here('./test/support/test-environment.ts')],
    pool: 'forks',
    testTimeout: 30_000,
    hookTimeout: 30_000,
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
          name: 'system',
          include: ['test/**/*.test.ts'],
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
