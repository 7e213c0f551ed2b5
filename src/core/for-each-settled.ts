/**
 * Runs an action for each item at the same time, even if the action fails for another item. Rejects with the error of the
 * first item, in order, for which the action failed, when all actions have ended.
 */
export async function forEachSettled<T>(items: Iterable<T>, action: (item: T) => unknown): Promise<void> {
  const results = await Promise.allSettled([...items].map(async (item) => action(item)));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
