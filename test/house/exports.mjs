/** Rule: in `src` a type name has one meaning, and a file name occurs once. */
import { basename } from 'node:path';
import { sourceOf } from './source.mjs';

/** File names that occur in several folders on purpose. */
const shared = new Set(['index.ts', 'options.ts', 'events.ts']);

/** @param {import('./rules.mjs').TextFile[]} files */
export function* repeatedNames(files) {
  const types = new Map();
  const bases = new Map();
  for (const file of files) {
    if (!file.path.startsWith('src/') || file.kind !== 'code') continue;
    const base = basename(file.path);
    if (!shared.has(base)) add(bases, base, { file: file.path, line: 1 });
    // A type that is declared twice in one file is one type, merged or overloaded.
    for (const { line, text } of new Map(
      sourceOf(file).exportedTypes.map((type) => [type.text, type]),
    ).values())
      add(types, text, { file: file.path, line });
  }
  yield* repeated(types, 'type', 'give each meaning its own name');
  yield* repeated(bases, 'file', 'name the file after its main export');
}

function add(map, key, place) {
  map.set(key, [...(map.get(key) ?? []), place]);
}

function* repeated(map, rule, instead) {
  for (const [name, [first, ...others]] of map)
    for (const { file, line } of others)
      yield { file, line, rule, found: `${name}, also in ${first.file}`, instead };
}
