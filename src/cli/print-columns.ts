import { styled, type Output, type TextPart } from './output.js';

export type Column<T> = readonly [title: string, cell: (item: T) => TextPart];

/** Prints one row per item. Omits empty columns. */
export async function printColumns<T>(
  stdout: Output,
  columns: readonly Column<T>[],
  items: readonly T[],
): Promise<void> {
  const used = columns.filter(([, cell]) => items.some((item) => cell(item) !== ''));
  await stdout.table()([
    used.map(([title]) => styled('faint', title)),
    ...items.map((item) => used.map(([, cell]) => cell(item))),
  ]);
}
