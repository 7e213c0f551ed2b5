/**
 * Runs an action for all items concurrently, and waits until all actions have ended. Rejects with the first error, in
 * the order of the items.
 */
export async function forEachSettled<T>(items: Iterable<T>, action: (item: T) => unknown): Promise<void> {
  const results = await Promise.allSettled([...items].map(async (item) => action(item)));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
