/** Every comparison of a secret takes constant time. Finds comparisons by the names of what they compare. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { expect, test } from 'vitest';

const src = fileURLToPath(new URL('../../src', import.meta.url));
const secretName = /secret|token|ticket|digest|hash|proof|mac$|signature|password|credential|privateKey/im;

/** Comparisons of objects of the own process, and of the type of a token. */
const publicComparisons: readonly string[] = [
  'invoke/http-call.ts: attempt.ticket === this.#ticketFor(attempt)',
  // The token of the server itself, compared with the one that etcd has refused.
  'server/store/etcd/etcd-gateway.ts: this.#token !== expired',
  'server/http/run-route.ts: route.path !== paths.tickets',
  'service/authenticate/connection-tickets.ts: ticket === this.#last',
  'tickets/ticket-header.ts: header.typ !== ticketType',
];

const operators = new Set([
  ts.SyntaxKind.EqualsEqualsToken,
  ts.SyntaxKind.EqualsEqualsEqualsToken,
  ts.SyntaxKind.ExclamationEqualsToken,
  ts.SyntaxKind.ExclamationEqualsEqualsToken,
]);

/** The last name of an expression such as `record.secretHash`. */
function lastName(node: ts.Expression): string {
  if (ts.isPropertyAccessExpression(node)) return node.name.text;
  if (ts.isIdentifier(node)) return node.text;
  if (ts.isCallExpression(node)) return lastName(node.expression);
  if (ts.isNonNullExpression(node) || ts.isAsExpression(node) || ts.isParenthesizedExpression(node))
    return lastName(node.expression);
  return '';
}

/** Whether a value is compared with another value, and not with a constant. */
function isConstant(node: ts.Expression): boolean {
  return (
    ts.isLiteralExpression(node) ||
    ts.isTypeOfExpression(node) ||
    [ts.SyntaxKind.NullKeyword, ts.SyntaxKind.TrueKeyword, ts.SyntaxKind.FalseKeyword].includes(node.kind) ||
    (ts.isIdentifier(node) && node.text === 'undefined')
  );
}

function comparisonsIn(text: string, file: string): string[] {
  const found: string[] = [];
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const visit = (node: ts.Node): void => {
    if (ts.isBinaryExpression(node) && operators.has(node.operatorToken.kind)) {
      const sides = [node.left, node.right];
      if (!sides.some(isConstant) && sides.some((side) => secretName.test(lastName(side))))
        found.push(`${file}: ${node.getText(source)}`);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

test('the search finds comparisons of secrets, and no others', () => {
  const text = `
    if (request.secret === secretHash) a();
    while (digestOf(token) != record.tokenDigest) b();
    const isSame = x.proof! === (y as string);
    if (secret === undefined || typeof token === 'string' || proof === '') c();
    if (name === other.name) d();
  `;
  expect(comparisonsIn(text, 'x.ts')).toEqual([
    'x.ts: request.secret === secretHash',
    'x.ts: digestOf(token) != record.tokenDigest',
    'x.ts: x.proof! === (y as string)',
  ]);
});

test('no secret is compared with === in src', () => {
  const found = readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => {
      const text = readFileSync(join(src, file), 'utf8');
      return /[!=]=/.test(text) && secretName.test(text) ? comparisonsIn(text, file) : [];
    });
  expect(found.length).toBeGreaterThan(0);
  expect(found.filter((each) => !publicComparisons.includes(each))).toEqual([]);
});
