/** Rule: a sentence of a comment or page has at most 40 words. The aim is 25. */
import { proseOf, sentencesOf } from './prose.mjs';

const maxWords = 40;

/** @param {import('./rules.mjs').TextFile[]} files */
export function* longSentences(files) {
  for (const file of files)
    for (const block of proseOf(file))
      for (const { line, words, start } of sentencesOf(block))
        if (words > maxWords)
          yield {
            file: file.path,
            line,
            rule: 'sentence',
            found: `${words} words: "${start} …"`,
            instead: `write at most ${maxWords} words, better 25; one fact a sentence`,
          };
}
