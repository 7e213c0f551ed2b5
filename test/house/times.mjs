/** Rule: a measured time in a text of the source is rounded. A limit may be written as it was set. */
import { createRequire } from 'node:module';

// Required, since an import would first look through all of it for exports.
const ts = createRequire(import.meta.url)('typescript');

/** Constants, and options as they were set, by file. */
const limits = new Map(
  Object.entries({
    'src/client/default-clerk.ts': ['closeTimeoutMs'],
    'src/client/registry-queries.ts': ['minAttemptMs'],
    'src/invoke/call-deadline.ts': ['minAttemptMs'],
    'src/invoke/inbound-deadline.ts': ['minAttemptMs'],
    'src/registry-client/event-stream.ts': ['startTimeoutMs'],
    'src/registry-client/request-limit.ts': ['timeoutMs'],
    'src/resolve/validating-resolver.ts': ['timeoutMs'],
    'src/server/launcher/launch.ts': ['idleStopMs'],
    'src/server/launcher/shared-start.ts': ['waitMs'],
    'src/server/naming/commands/issue-token.ts': ['minMs', 'maxMs'],
    'src/server/naming/commands/validate-command.ts': ['maxGuaranteedMs'],
    'src/service/at-most-once/idempotency-guard.ts': ['windowMs'],
    'src/service/options.ts': ['min', 'max'],
    'src/testing/fake-runtime.ts': ['limitMs'],
  }),
);

/** Members of these are constants. */
const constants = /^(String\()?(limits|defaults)[.]/;
const rounds = /\b(Math[.](round|ceil|floor)|round)\(/;

/** @param {readonly import('./rules.mjs').TextFile[]} files */
export function* unroundedTimes(files) {
  for (const { path, kind, text } of files) {
    if (kind !== 'code' || !path.startsWith('src/') || !/[}] ?ms\b/.test(text)) continue;
    const tree = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
    const known = new Set([...(limits.get(path) ?? []), ...fixedNames(tree)]);
    for (const { expression } of timesIn(tree)) {
      const found = expression.getText(tree);
      if (rounds.test(found) || constants.test(found) || known.has(lastNameIn(found))) continue;
      const line = tree.getLineAndCharacterOfPosition(expression.getStart(tree)).line + 1;
      yield { file: path, line, rule: 'time', found, instead: 'Math.round(…) of a measured time' };
    }
  }
}

/** Names of constants of numbers, and of times that were rounded before. */
function fixedNames(tree) {
  const names = [];
  const visit = (node) => {
    const value = ts.isVariableDeclaration(node) ? node.initializer : undefined;
    if (value !== undefined && (ts.isNumericLiteral(value) || rounds.test(value.getText(tree))))
      names.push(node.name.getText(tree));
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return names;
}

/** The values in templates that are followed by `ms`. */
function timesIn(tree) {
  const spans = [];
  const visit = (node) => {
    if (ts.isTemplateSpan(node) && /^ ?ms\b/.test(node.literal.text)) spans.push(node);
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return spans;
}

/** `timeoutMs` of `String(options.timeoutMs)`. */
function lastNameIn(expression) {
  return /(\w+)\)*$/.exec(expression)?.[1];
}
