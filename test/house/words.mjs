/** Rule: words that name no object, and words that the project has replaced, in names, comments, texts and pages. */
import { plain, proseOf } from './prose.mjs';
import { sourceOf } from './source.mjs';

/**
 * `prose` is matched in comments, texts and pages, `names` against the words of a name, in lower case with blanks between.
 * `only` limits an entry to paths.
 */
const banned = [
  {
    prose: /\b(no|some|every|any)body('s)?\b(?!-)/i,
    names: /\b(no|some|every|any)body\b/,
    instead: 'name the object: no endpoint, a caller, every client',
  },
  {
    prose: /\bwho(m|ever|mever)\b/i,
    names: /\bwho(m|ever)\b/,
    instead: 'name the object: the endpoint that, the caller that',
  },
  {
    prose: /\bgo(es|ing)? on\b(?! (the|a|an|its|this|that|one|top)\b)/i,
    names: /\bgo(es|ing)? on\b/,
    instead: 'continue',
  },
  {
    prose:
      /(?<!\bthere )\b(is|are|was|were) no\b(?! (longer|later|earlier|faster|slower|larger|smaller|higher|lower|other|more|less|such)\b)/i,
    instead: 'is not a …',
  },
  {
    prose: /\b(told|tells|telling)\b/i,
    names: /\b(told|tells?|telling)\b/,
    instead: 'report, notify, send, state',
  },
  { prose: /\bword\b/i, names: /\bwords?\b/, instead: 'status, name, value, argument' },
  { prose: /\banew\b/i, names: /\banew\b/, instead: 'again; for state: restart' },
  { prose: /\baside\b/i, names: /\baside\b/, instead: 'ejected, reserved, deferred: say which' },
  {
    prose: /\b(mends?|mended|spared|spares)\b/i,
    names: /\b(mends?|mended|spared|spares)\b/,
    instead: 'repair; exempt',
  },
  { prose: /\bas far as\b/i, instead: 'say the condition' },
  { prose: /\b(he|him|his)\b/, instead: 'it, its: programs are things' },
  { prose: /\blook-ups?\b/i, instead: 'lookup' },
  { prose: /\bsee the file's header\b/i, instead: 'move the text to the export' },
  {
    prose: /\breference (server|registry)\b/i,
    names: /\breference (server|registry)\b/,
    instead: 'bundled server, remote registry',
  },
  {
    prose: /\bpromises? [ACHN]\d/,
    names: /\bpromise (ms|held)\b|\bpromised\b/,
    instead: 'a link to docs/guarantees.md; guarantee',
  },
  {
    prose: /\bpromised\b|\b(break|broke|broken|hold|held|keep|kept|on) (a |the |every )?promises?\b/i,
    only: /^src\/(server|protocol|registry|cli)\/|^test\/(server|registry|cli)\/|^docs\//,
    instead: 'guarantee; a promise is JavaScript’s',
  },
  { names: /^(most|least) (?!pending$)/, instead: 'max…, min…' },
];

/** A blank of an entry may be a line break. */
const entries = banned.map((entry) => ({
  ...entry,
  prose: entry.prose && new RegExp(entry.prose.source.replaceAll(' ', '\\s+'), `${entry.prose.flags}g`),
}));

/** @param {import('./rules.mjs').TextFile[]} files */
export function* bannedWords(files) {
  for (const file of files) {
    const rules = entries.filter(({ only }) => only === undefined || only.test(file.path));
    for (const { line, text } of proseOf(file)) yield* inProse(file, line, plain(text), rules);
    if (file.kind !== 'code') continue;
    const { names, texts } = sourceOf(file);
    for (const { line, text } of texts)
      yield* inProse(file, line, text.replace(/https?:\/\/\S+/g, ''), rules);
    for (const { line, text } of names) yield* inName(file, line, text, rules);
  }
}

function* inProse({ path }, firstLine, text, rules) {
  for (const { prose, instead } of rules)
    for (const found of prose === undefined ? [] : text.matchAll(prose))
      yield {
        file: path,
        line: firstLine + text.slice(0, found.index).split('\n').length - 1,
        rule: 'word',
        found: `"${found[0].replace(/\s+/g, ' ')}"`,
        instead,
      };
}

function* inName({ path }, line, name, rules) {
  const words =
    name
      .match(/[A-Z]?[a-z]+|[A-Z]+(?![a-z])/g)
      ?.join(' ')
      .toLowerCase() ?? '';
  for (const { names, instead } of rules)
    if (names?.test(words) === true) yield { file: path, line, rule: 'name', found: name, instead };
}
