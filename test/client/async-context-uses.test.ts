/** Every file that uses an async context, and the test of what runs in that context. A new use wants a new line here. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Files that create or enter an async context, each with the test file that shows what runs in it. */
const uses: Readonly<Record<string, string>> = {
  'binding/acquire-endpoint.ts': 'test/real/call-end-context.test.ts',
  'binding/intercepted-call.ts': 'test/real/interceptors.test.ts',
  'binding/service-binding.ts': 'test/real/async-context.test.ts',
  'binding/service-state.ts': 'test/client/background-context.test.ts',
  'binding/service-watch.ts': 'test/client/background-context.test.ts',
  'binding/starting-wait.ts': 'test/client/background-context.test.ts',
  'client/events.ts': 'test/client/call-contexts.test.ts',
  'client/name-watch.ts': 'test/binding/shared-work-context.test.ts',
  'client/ticket-cache.ts': 'test/client/ticket-cache.test.ts',
  'core/inbound-request.ts': 'test/real/deadline-propagation.test.ts',
  'binding/ready-wait.ts': 'test/binding/shared-work-context.test.ts',
  'create-clerk.ts': 'test/client/background-context.test.ts',
  'factory/service-starter.ts': 'test/binding/shared-work-context.test.ts',
  'health/health-reporter.ts': 'test/client/background-context.test.ts',
  'health/prober.ts': 'test/real/probe-context.test.ts',
  'invoke/async-call.ts': 'test/invoke/join.test.ts',
  'invoke/attempt-log.ts': 'test/real/async-context.test.ts',
  'invoke/base-call.ts': 'test/real/call-end-context.test.ts',
  'invoke/body-collector.ts': 'test/real/async-context.test.ts',
  'invoke/failover-call.ts': 'test/client/call-contexts.test.ts',
  'invoke/http-call.ts': 'test/real/async-context.test.ts',
  'registry/remote/reconnecting-watch.ts': 'test/registry/remote/watch-context.test.ts',
  'resolve/cached-resolver.ts': 'test/binding/shared-work-context.test.ts',
  'resolve/background-lookups.ts': 'test/client/call-contexts.test.ts',
  'service/request-deadlines.ts': 'test/real/deadline-propagation.test.ts',
  'transport/connection-pool.ts': 'test/transport/shared-connections.test.ts',
  'transport/pooled-connection.ts': 'test/real/async-context.test.ts',
  'transport/response-handler.ts': 'test/real/async-context.test.ts',
};

const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path): [path: string, code: string] => [
    path.replaceAll('\\', '/'),
    readFileSync(join(root, 'src', path), 'utf8').replaceAll(/\/\*[^]*?\*\/|\/\/.*/g, ''),
  ]);

const using =
  /new AsyncResource|extends AsyncResource|runInAsyncScope|AsyncResource\.bind|new AsyncLocalStorage|AsyncLocalStorage\.(bind|snapshot)|runInbound\(|runWithoutInbound\(|enterWith|createHook|executionAsync/;

test('every use of an async context has a test', () => {
  expect(sources.filter(([, code]) => using.test(code)).map(([path]) => path)).toEqual(
    expect.arrayContaining(Object.keys(uses)),
  );
  expect(sources.filter(([path, code]) => using.test(code) && !Object.hasOwn(uses, path))).toEqual([]);
  for (const path of Object.values(uses)) expect(existsSync(join(root, path)), path).toBe(true);
});

test('the only data in an async context are the deadline and the attempt number of the request being served', () => {
  const storages = sources.filter(([, code]) => /AsyncLocalStorage/.test(code));
  expect(storages.map(([path]) => path)).toEqual(['core/inbound-request.ts']);
  const [, code = ''] = storages[0] ?? [];
  const fields = /interface InboundRequest \{([^}]*)\}/.exec(code)?.[1] ?? '';
  expect([...fields.matchAll(/(\w+):/g)].map(([, name]) => name)).toEqual([
    'deadlineAt',
    'attempt',
    'isFinished',
  ]);
});
