/** Every message of the command line and of the client for administration says what to do, where it can be known. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../src/', import.meta.url));
const folders = ['cli', 'admin', 'registry-client'];
const errorClasses = ['ClerkError', 'InvalidArgumentError'];

/** A part of a message that says what to do, or what is valid. */
const step = /; |\b(use|must|needs?|requires|discard|check)\b|--[a-z]/;

/** The messages without such a part. `…` stands for a value. */
const withoutStep: Readonly<Record<string, string>> = {
  '… responded with status …': 'the response is printed, and says why',
  'File … cannot be read: …': 'the error of the system says why',
  'Endpoint … of … is no longer registered: …': 'the reason says what has taken its place',
  "In … '…': …": 'the message of the part says it',
  '…: …': 'the message of the cause says it',
  'The registry at … is unreachable: …': 'the command adds a hint, and the error of the system says why',
  'None of … registry servers sent a valid response: …': 'the message of each server says it',
  '… was aborted by its caller…': 'the caller has aborted it',
};

/** The texts that an expression can have. Other values than literals are `…`. */
function textsOf(node: ts.Expression): readonly string[] {
  if (ts.isStringLiteralLike(node)) return [node.text];
  if (ts.isTemplateExpression(node))
    return [node.head.text + node.templateSpans.map(({ literal }) => `…${literal.text}`).join('')];
  if (ts.isConditionalExpression(node)) return [...textsOf(node.whenTrue), ...textsOf(node.whenFalse)];
  return [];
}

/** The messages in a source file. */
function messagesIn(path: string): readonly string[] {
  const tree = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest);
  const messages: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isNewExpression(node) && ts.isIdentifier(node.expression)) {
      const { text } = node.expression;
      const message = node.arguments?.[text === 'ClerkError' ? 1 : 0];
      if (errorClasses.includes(text) && message !== undefined) messages.push(...textsOf(message));
    }
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return messages;
}

test('every message names a next step, except those for which there is none', () => {
  const paths = folders.flatMap((folder) =>
    readdirSync(root + folder, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts'))
      .map((path) => `${root}${folder}/${path}`),
  );
  const messages = paths.flatMap(messagesIn);
  expect(messages.length).toBeGreaterThan(60);
  const bare = new Set(messages.filter((message) => !step.test(message)));
  expect([...bare].sort()).toEqual(Object.keys(withoutStep).sort());
});
