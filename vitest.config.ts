import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

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
    include: ['test/**/*.test.ts'],
    setupFiles: [here('./test/support/test-environment.ts')],
    pool: 'forks',
    testTimeout: 30_000,
    hookTimeout: 30_000,
    teardownTimeout: 10_000,
    restoreMocks: true,
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      reporter: ['text-summary', 'html', 'json-summary'],
      reportsDirectory: 'coverage',
    },
  },
});
