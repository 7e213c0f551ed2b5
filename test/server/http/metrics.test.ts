import { expect, onTestFinished, test } from 'vitest';
import { Metrics } from '../../../src/server/http/metrics.js';
import { createFakeRuntime } from '../../../src/testing/fake-runtime.js';

test('the text of the metrics is made at most once a second', async () => {
  const runtime = createFakeRuntime({ seed: 1 });
  const metrics = new Metrics(runtime);
  onTestFinished(() => metrics.close());
  let made = 0;
  const text = metrics.textSource(() => `made ${String(++made)}`);
  expect([text(), text()]).toEqual(['made 1', 'made 1']);
  await runtime.advance(999);
  expect(text()).toBe('made 1');
  await runtime.advance(1);
  expect([text(), text()]).toEqual(['made 2', 'made 2']);
});
