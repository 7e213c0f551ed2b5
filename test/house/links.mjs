/** Rule: links of pages and comments lead to a file and an anchor that exist; files and folders named in them exist; every `@see` links. */
import { posix } from 'node:path';
import { sourceOf } from './source.mjs';

/**
 * @param {import('./rules.mjs').TextFile[]} files
 * @param {(path: string) => boolean} exists - whether a file or folder of the repository exists
 */
export function* deadLinks(files, exists) {
  const anchors = new Map(
    files.filter(({ kind }) => kind === 'page').map((file) => [file.path, anchorsOf(file.text)]),
  );
  for (const file of files)
    for (const { line, text, isCode, isFenced } of linesOf(file)) {
      for (const target of isFenced ? [] : targetsIn(text)) {
        const fault = faultOf(file.path, target, anchors, exists);
        if (fault !== undefined) yield { file: file.path, line, rule: 'link', found: target, instead: fault };
      }
      if (isCode && /@see\b/.test(text) && !/@see\s+(?:.*\]\(|.*https?:|.*\{@link)/.test(text))
        yield {
          file: file.path,
          line,
          rule: 'see',
          found: text.trim().slice(0, 80),
          instead: 'link to a page of docs/ or a URL, or delete the tag',
        };
      for (const [path] of text.matchAll(namedPaths))
        if (!exists(path))
          yield { file: file.path, line, rule: 'path', found: path, instead: 'name a file that exists' };
      for (const [path] of text.matchAll(namedFolders))
        if (!exists(path))
          yield { file: file.path, line, rule: 'path', found: path, instead: 'name a folder that exists' };
    }
}

/** Files of the repository, as they are named in prose, in commands and in the heads of patches. */
const namedPaths =
  /(?<![\w./-])(?:src|test|examples|bench|docs)\/[\w./-]*\w\.(?:ts|mts|mjs|js|cjs|json|md|patch)\b/g;

/** Paths without an extension: folders of the repository, and few files such as `examples/deploy/Dockerfile`. */
const namedFolders = /(?<![\w./-])(?:src|test|examples|bench|docs)\/[\w/-]*\w(?![\w*-]|\.\w|\/[\w*])/g;

/** The lines of pages, heads of patches and comments; a tag that goes over several lines is one. */
function* linesOf(file) {
  if (file.kind !== 'code') {
    const [prose] = file.kind === 'patch' ? file.text.split(/^diff --git /m, 1) : [file.text];
    let isFenced = false;
    for (const [i, text] of prose.split('\n').entries()) {
      if (/^\s*(```|~~~)/.test(text)) isFenced = !isFenced;
      else yield { line: i + 1, text, isFenced };
    }
    return;
  }
  for (const comment of sourceOf(file).comments) {
    const lines = comment.text
      .split('\n')
      .map((line) => line.replace(/^\s*(\/\*\*?|\*(?!\/)|\/\/)/, '').replace(/\*\/\s*$/, ''));
    for (let i = 0; i < lines.length; i++) {
      const line = comment.line + i;
      let text = lines[i];
      if (text.includes('@see'))
        while (i + 1 < lines.length && !/^\s*(@|$)/.test(lines[i + 1])) text += lines[++i];
      yield { line, text, isCode: true };
    }
  }
}

function targetsIn(text) {
  return [...text.replace(/``.*?``/g, '').matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g)].map(
    ([, target]) => target,
  );
}

function faultOf(from, target, anchors, exists) {
  if (/^[a-z][a-z0-9+.-]*:/i.test(target)) return undefined;
  const [path, anchor] = target.split('#');
  const to = path === '' ? from : posix.normalize(posix.join(posix.dirname(from), path)).replace(/\/$/, '');
  if (to.startsWith('..') || !exists(to))
    return `no file ${to}; give a path relative to ${posix.dirname(from)}/`;
  if (anchor === undefined || anchor === '' || !anchors.has(to)) return undefined;
  return anchors.get(to).has(anchor) ? undefined : `no anchor #${anchor} in ${to}`;
}

function anchorsOf(page) {
  const anchors = new Set([...page.matchAll(/<a id="([^"]+)">/g)].map(([, id]) => id));
  const counts = new Map();
  for (const [, heading] of page.replace(/^```[^]*?^```/gm, '').matchAll(/^#{1,6} (.+)$/gm)) {
    const slug = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replace(/\s/g, '-');
    const count = counts.get(slug) ?? 0;
    counts.set(slug, count + 1);
    anchors.add(count === 0 ? slug : `${slug}-${count}`);
  }
  return anchors;
}
