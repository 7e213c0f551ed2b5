/** Runs one task, and reports its figures and those of the process. */
import { setImmediate } from 'node:timers/promises';
import type { Figures } from './load-attack.js';
import { LoopMeter } from './loop-meter.js';
import { tasks, type TaskName } from './victim-tasks.js';

export interface VictimInput {
  readonly task: TaskName;
  /** Of the hostile program. */
  readonly url: string;
  readonly size: number;
}

export type VictimResult = { readonly figures: Figures } | { readonly error: string };

const mebibyte = 1024 * 1024;

async function run({ task, url, size }: VictimInput): Promise<VictimResult> {
  const prepared = await tasks[task](url, size);
  globalThis.gc?.();
  const before = process.memoryUsage.rss();
  let peak = before;
  const sampler = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), 5);
  const meter = new LoopMeter();
  await setImmediate();
  meter.take();
  const cpuBefore = process.cpuUsage();
  const figures = await prepared();
  await setImmediate();
  const heldMs = meter.take();
  const { user, system } = process.cpuUsage(cpuBefore);
  const cpuSeconds = (user + system) / 1_000_000;
  peak = Math.max(peak, process.memoryUsage.rss());
  clearInterval(sampler);
  return { figures: { ...figures, heldMs, cpuSeconds, grownMiB: (peak - before) / mebibyte } };
}

process.once('message', (input: VictimInput) => {
  run(input).then(
    (result) => process.send?.(result),
    (error: unknown) => process.send?.({ error: String(error instanceof Error ? error.stack : error) }),
  );
});
process.on('disconnect', () => process.exit());
