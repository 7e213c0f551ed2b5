import { describe, test } from 'vitest';
import { createFakeRuntime } from '../../../src/testing/fake-runtime.js';
import { sharedLogSuite } from './shared-log-suite.js';
import { SimulatedEngine } from './simulated-engine.js';

describe('simulated engine', () => {
  test.each(sharedLogSuite)('$name', async ({ run }) => {
    const clock = createFakeRuntime({ seed: 1 });
    const engine = new SimulatedEngine({ clock });
    let servers = 0;
    await run({
      connect: () => engine.connect(`server-${++servers}`),
      wait: (ms) => clock.advance(ms),
    });
  });
});
