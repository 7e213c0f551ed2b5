/** An editor shows the doc comment of a public name. Its first line says what is decisive. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

/** The first line of the doc comment of a member. */
function firstLineOf(path: string, member: string): string | undefined {
  const source = readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
  const comment = new RegExp(`/[*][*]\\n +[*] ([^\\n]+)\\n(?: +[*][^\\n]*\\n)+ +${member}`);
  return comment.exec(source)?.[1];
}

test('the doc comment of clerk.fetch says in its first line that it is the implied binding', () => {
  expect(firstLineOf('src/client/clerk.ts', 'readonly fetch:')).toContain('the implied binding');
});
