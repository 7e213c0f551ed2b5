/** Two processes that share a listener without `node:cluster`, by handle or by descriptor, with `atMostOnce`. */
import { createClerk } from 'binding-clerk';
import { startServer } from 'binding-clerk/server';
import { expect, onTestFinished, test } from 'vitest';
import { spawnProgram } from './spawn-program.js';

test.skipIf(process.platform === 'win32').each(['handle', 'descriptor'])(
  'the second of two processes that share a listener by %s is refused, and no POST of the first is',
  { timeout: 120_000 },
  async (how) => {
    const registry = await startServer({ port: 0 });
    onTestFinished(() => registry.close());
    const program = spawnProgram('shared-listener.ts', [registry.url, how]);
    const id = program.waitForLine('advertised');
    const firstId = await id;
    const refusal = await program.waitForLine('refused');
    expect(refusal).toMatch(
      /^CONFIG_INVALID advertise\(\) with atMostOnce: the listener at http:\/\/127\.0\.0\.1:/,
    );
    expect(refusal).toContain(`shared with instance '${firstId}'`);
    expect(refusal).toContain('coordinateWorkers()');

    const clerk = createClerk({ registry: registry.url });
    onTestFinished(() => clerk.destroy());
    const orders = clerk.bind('/shop/orders');
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        orders.request({ method: 'POST', path: `/order-${String(i)}` }).then(async ({ statusCode, body }) => {
          await body.dump();
          return statusCode;
        }),
      ),
    );
    expect(answers).toEqual(answers.map(() => 200));
    const reply = await fetch(`${registry.url}/v1/resolve?name=/shop/orders`);
    expect(((await reply.json()) as { endpoints: object[] }).endpoints).toMatchObject([{ id: firstId }]);
  },
);
