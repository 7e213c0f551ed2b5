/** Every message of the command line and of the client for administration says what to do, where it can be known. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../src/', import.meta.url));
const folders = ['cli', 'admin', 'registry-client', 'server'];
/** Position of the message in the arguments. */
const errorClasses = new Map([
  ['ClerkError', 1],
  ['HttpError', 1],
  ['InvalidArgumentError', 0],
]);

/** A part of a message that says what to do, or what is valid. */
const step = /; |\b(use|must|needs?|requires|discard|check|restore)\b|--[a-z]/i;

/** The messages without such a part. `…` stands for a value. */
const withoutStep: Readonly<Record<string, string>> = {
  '… responded with status …': 'the response is printed, and says why',
  'File … cannot be read: …': 'the error of the system says why',
  'Endpoint … of … is no longer registered: …': 'the reason says what has taken its place',
  "In … '…': …": 'the message of the part says it',
  '…: …': 'the message of the cause says it',
  '… …': 'the message is composed of parts, which say it',
  '…: … …': 'the message is composed of parts, which say it',
  'Field …': 'the message of the field says what is valid',
  'Parameter … …': 'the message of the parameter says what is valid',
  'Port … of … …': 'the reason says it',
  '… is invalid': 'used when the validation names no field',
  'Line …: …': 'the message of the line says it',
  'The URL of the store …': 'the message of the part says it',
  'File … with the URL of the store cannot be used: …': 'the message of the cause says it',
  'The import has no line for …, and … cannot be removed yet: …': 'the message of the cause says it',
  '… could not be started: …': 'the reason says it',
  '… was not started: …': 'the reason says it',
  '… does not exist': 'the name is the one of the request',
  '… does not exist: …': 'the reason says it',
  '… does not exist……': 'a similar name follows, if there is one',
  '… is closed': 'the program has closed it',
  'The start of … as instance … has no launch record': 'a state of the server that no client can cause',
  'The server stores at most … health reports per principal and … in total, and ignores further reports':
    'no client gets it; the log shows the operator which client reports too much',
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
      const position = errorClasses.get(node.expression.text);
      const message = position === undefined ? undefined : node.arguments?.[position];
      if (message !== undefined) messages.push(...textsOf(message));
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
  const bare = new Set(messages.filter((message) => !step.test(message.replaceAll(/; got [^;]*/g, ''))));
  expect([...bare].sort()).toEqual(Object.keys(withoutStep).sort());
});
