/** Sentences: the prose of comments, pages and heads of patches, without its code. */
import { sourceOf } from './source.mjs';

const prose = new WeakMap();

/**
 * The prose of a file in blocks: paragraphs, items of lists, cells of tables, tags of doc comments.
 *
 * @param {import('./rules.mjs').TextFile} file
 * @returns {{ line: number, text: string }[]} a line break in `text` is one in the file
 */
export function proseOf(file) {
  let blocks = prose.get(file);
  if (blocks === undefined) prose.set(file, (blocks = read(file)));
  return blocks;
}

function read(file) {
  if (file.kind === 'page') return blocksOf(file.text, 1);
  if (file.kind === 'patch') return blocksOf(headOf(file.text), 1);
  return sourceOf(file).comments.flatMap(({ line, text }) => blocksOf(withoutMarks(text), line));
}

function headOf(patch) {
  return patch.split(/^diff --git /m, 1)[0];
}

/** Takes `/**`, `*` and `//` away, and keeps the lines. */
function withoutMarks(comment) {
  return comment
    .replace(/\*\/$/, '')
    .split('\n')
    .map((line) => line.replace(/^\s*(\/\*\*?|\*|\/\/)/, ''))
    .join('\n');
}

function blocksOf(text, firstLine) {
  const blocks = [];
  let current;
  let isFenced = false;
  text.split('\n').forEach((line, i) => {
    if (/^\s*(```|~~~)/.test(line)) {
      isFenced = !isFenced;
      current = undefined;
      return;
    }
    if (isFenced) return;
    if (line.trim() === '' || /^\s*\|?[\s:|-]+\|[\s:|-]*$/.test(line) || /^ {4,}\S/.test(line)) {
      current = undefined;
      return;
    }
    const cells = /^\s*\|/.test(line) ? line.split('|') : undefined;
    if (cells !== undefined) {
      for (const cell of cells) if (cell.trim() !== '') blocks.push({ line: firstLine + i, text: cell });
      current = undefined;
      return;
    }
    const begins = /^\s*([-*+] |\d+\. |#+ |@\w+|Breaks:|Caught by:)/.test(line);
    if (current === undefined || begins) blocks.push((current = { line: firstLine + i, text: line }));
    else current.text += `\n${line}`;
  });
  return blocks;
}

/**
 * A block without code, links and tags; what is left is read by people.
 *
 * @param {string} text
 */
export function plain(text) {
  return text
    .replace(/`[^`]*`/g, '`')
    .replace(/\{@\w+\s+([^}|]*\|\s*)?([^}]*)\}/g, '`')
    .replace(/!?\[((?:[^\]\\]|\\.)*)\]\([^)]*\)/g, '$1')
    .replace(/<[^>]+>/g, '')
    .replace(/https?:\/\/\S+/g, '`')
    .replace(/\b(eslint-(disable|enable)[\w-]*|@ts-[\w-]+|prettier-ignore|v8 ignore)[^\n]*/g, '');
}

/**
 * The sentences of a block, each with its line.
 *
 * @param {{ line: number, text: string }} block
 * @returns {{ line: number, words: number, start: string }[]}
 */
export function sentencesOf({ line, text }) {
  const sentences = [];
  let at = line;
  for (const part of plain(text).split(/(?<=[.!?…]["'”’)]?)\s(?=\s*[A-Z`"“(0-9])/)) {
    const leading = /^\s*/.exec(part)[0];
    const words = part.split(/\s+/).filter((word) => /[A-Za-z0-9`]/.test(word));
    sentences.push({
      line: at + leading.split('\n').length - 1,
      words: words.length,
      start: words.slice(0, 6).join(' '),
    });
    at += part.split('\n').length - 1;
  }
  return sentences;
}
