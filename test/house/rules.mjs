/** All rules together. */
import { withoutAllowed } from './allowed.mjs';
import { repeatedNames } from './exports.mjs';
import { deadLinks } from './links.mjs';
import { codeWithoutExample } from './page-code.mjs';
import { unlistedBugs } from './seeded-bugs.mjs';
import { longSentences } from './sentences.mjs';
import { unroundedTimes } from './times.mjs';
import { bannedWords } from './words.mjs';

/**
 * What the rules find, in the order of files and lines.
 *
 * @param {readonly import('./rules.mjs').TextFile[]} files
 * @param {(path: string) => boolean} exists - whether a file or folder of the repository exists
 * @returns {import('./rules.mjs').Finding[]}
 */
export function findingsIn(files, exists) {
  return withoutAllowed([
    ...deadLinks(files, exists),
    ...codeWithoutExample(files),
    ...bannedWords(files),
    ...repeatedNames(files),
    ...longSentences(files),
    ...unlistedBugs(files),
    ...unroundedTimes(files),
  ]).toSorted((a, b) => a.file.localeCompare(b.file) || a.line - b.line);
}
