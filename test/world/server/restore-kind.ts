/**
 * How an older copy replaces the data of the registry:
 *
 * - `overwritten`: the files are set back, so that the folder looks like the original
 * - `copied`: the folder is another one, and owns no process of the original
 * - `adopted`: the folder is another one, and counts as the original
 */
export const restoreKinds = ['overwritten', 'copied', 'adopted'] as const;

export type RestoreKind = (typeof restoreKinds)[number];
