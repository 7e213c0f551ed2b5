/** Interleaved batches of small operations, each prepared once in a child process. */
import { Child } from './child-process.js';
import { seededRandom, shuffled } from './statistics.js';

/**
 * @param {import('./context.js').Context} context
 * @param {{ key: string, task: string, input: object, process: string }[]} operations - operations with the same `process` share it
 * @param {number} times - operations per batch
 * @returns {Promise<Record<string, number[]>>} ns per operation, one value per round
 */
export async function microBenchmarkRounds(context, operations, times) {
  const random = seededRandom(context.seed);
  /** @type {Map<string, Child>} */
  const children = new Map();
  /** @type {Record<string, number[]>} */
  const samples = Object.fromEntries(operations.map(({ key }) => [key, []]));
  try {
    for (const { key, task, input, process } of operations) {
      const child = children.get(process) ?? new Child('processes/micro-benchmark.js');
      children.set(process, child);
      await child.call(task, { ...input, key, seed: context.seed, subject: context.subject });
    }
    const rounds = context.quick ? 9 : 25;
    for (let round = -3; round < rounds; round++) {
      for (const { key, process } of shuffled(operations, random)) {
        const ns = await /** @type {Child} */ (children.get(process)).call('time', { key, times });
        if (round >= 0) samples[key].push(ns);
      }
    }
    return samples;
  } finally {
    await Promise.all([...children.values()].map((child) => child.end()));
  }
}
