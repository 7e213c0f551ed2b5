/** The text files that the rules read. */
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';

/** Folders and files whose text is not written by hand, relative to the root. */
const generated = new Set([
  'node_modules',
  'dist',
  'docs-out',
  'coverage',
  'bench/node_modules',
  'bench/results',
]);

/** Folders of source code; Markdown is read everywhere. */
const codeFolders = ['src', 'test', 'examples', 'bench'];
const codeExtensions = new Set(['.ts', '.mts', '.js', '.mjs', '.cjs']);

/**
 * Reads all of them.
 *
 * @param {string} root - folder of the repository
 * @returns {import('./rules.mjs').TextFile[]} paths are relative to `root`, with `/`
 */
export function readFiles(root) {
  const files = [];
  for (const path of pathsBelow(root, '')) {
    const kind = kindOf(path);
    if (kind !== undefined) files.push({ path, kind, text: readFileSync(join(root, path), 'utf8') });
  }
  return files;
}

function* pathsBelow(root, folder) {
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.name.startsWith('.') || generated.has(path)) continue;
    if (entry.isDirectory()) yield* pathsBelow(root, path);
    else yield path;
  }
}

function kindOf(path) {
  if (path.endsWith('.md')) return 'page';
  if (path.endsWith('.patch')) return 'patch';
  const isCode = codeExtensions.has(extname(path)) && !path.endsWith('.d.ts');
  return isCode && codeFolders.includes(path.split('/')[0]) ? 'code' : undefined;
}
