import { test } from 'vitest';
import { createFakeRuntime, createMemoryNetwork, transportSuite } from 'binding-clerk/testing';

const runtime = createFakeRuntime({ seed: 1 });
const network = createMemoryNetwork(runtime);
let started = 0;

const suite = transportSuite({
  create: () => network.transport({ connections: 4, tls: {}, undici: {} }, runtime),
  async start(behaviour) {
    const address = `http://server-${String(++started)}`;
    const paths: string[] = [];
    const server = network.server(address, ({ path, isProbe }) => {
      if (!isProbe) paths.push(path);
      const status = /[0-9]+$/.exec(path)?.[0];
      return {
        fate: behaviour === 'hangs' ? 'hang' : 'answer',
        statusCode: Number(status ?? 200),
        body: 'hello',
      };
    });
    if (behaviour === 'refuses') server.refuse();
    return {
      address,
      paths: () => paths,
      async hasRead(count) {
        while (paths.length < count) await new Promise<void>((resolve) => void runtime.setTimer(resolve, 1));
      },
      async close() {
        server.kill();
      },
    };
  },
});

// A probe keeps no process alive, so time would not flow by itself for it.
async function inTime(run: () => Promise<void>): Promise<void> {
  let over = false;
  const running = run().finally(() => (over = true));
  running.catch(() => undefined);
  while (!over) await runtime.advance(1);
  await running;
}

for (const { name, run } of suite) test(name, () => inTime(run));
