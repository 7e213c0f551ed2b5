/** Interleaved rounds over operations that are prepared in one process each. */
import { Child } from './children.js';
import { seeded, shuffled } from './stats.js';

/**
 * @param {import('./context.js').Context} context
 * @param {{ key: string, task: string, input: object, process: string }[]} operations - those that name the same process share it
 * @param {number} times - operations in a batch
 * @returns {Promise<Record<string, number[]>>} ns per operation, round by round
 */
export async function microRounds(context, operations, times) {
  const random = seeded(context.seed);
  /** @type {Map<string, Child>} */
  const children = new Map();
  /** @type {Record<string, number[]>} */
  const samples = Object.fromEntries(operations.map(({ key }) => [key, []]));
  try {
    for (const { key, task, input, process } of operations) {
      const child = children.get(process) ?? new Child('./micro.js');
      children.set(process, child);
      await child.ask(task, { ...input, key, seed: context.seed, subject: context.subject });
    }
    const rounds = context.quick ? 9 : 25;
    for (let round = -3; round < rounds; round++) {
      for (const { key, process } of shuffled(operations, random)) {
        const ns = await /** @type {Child} */ (children.get(process)).ask('time', { key, times });
        if (round >= 0) samples[key].push(ns);
      }
    }
    return samples;
  } finally {
    await Promise.all([...children.values()].map((child) => child.end()));
  }
}
