/**
 * Runs an action for all items at the same time, and waits for the end of all. Then rejects with the first error, in
 * the order of the items.
 */
export async function forEachSettled<T>(items: Iterable<T>, action: (item: T) => unknown): Promise<void> {
  const results = await Promise.allSettled([...items].map(async (item) => action(item)));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
