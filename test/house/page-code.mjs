/** Rule: code on pages is plain JavaScript of Node 20, and its lines are lines of an example. */
import { createRequire } from 'node:module';

// Required, since an import would first look through all of it for exports.
const ts = createRequire(import.meta.url)('typescript');

/** Decisions show fragments, and the pages of benchmarks and tests are not for users. */
const pages = /^(README|docs\/[\w-]+)\.md$/;

/** @param {readonly import('./rules.mjs').TextFile[]} files */
export function* codeWithoutExample(files) {
  const examples = files
    .filter(({ path }) => path.startsWith('examples/'))
    .map(({ text }) => linesOf(text).join('\n'));
  for (const { path, kind, text } of files) {
    if (kind !== 'page' || !pages.test(path)) continue;
    for (const { line, language, code } of blocksOf(text)) {
      const finding = { file: path, line, rule: 'code' };
      if (/^(ts|typescript|javascript|mjs)$/.test(language))
        yield { ...finding, found: language, instead: 'write plain JavaScript, in a block js' };
      if (language !== 'js') continue;
      const fault = syntaxFault(code);
      if (fault !== undefined)
        yield { ...finding, found: fault, instead: 'write plain JavaScript that Node 20 can run' };
      const parts = code.split(/\n\s*\n/).map((part) => linesOf(part).join('\n'));
      if (!examples.some((example) => parts.every((part) => `\n${example}\n`.includes(`\n${part}\n`))))
        yield {
          ...finding,
          found: code.split('\n')[0],
          instead:
            'take the lines from a program in examples/ that a test runs; a blank line may stand for others',
        };
    }
  }
}

/** Without indentation, and without blank lines. */
function linesOf(text) {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

function* blocksOf(page) {
  for (const match of page.matchAll(/^```(\w+)\n([^]*?)^```$/gm)) {
    const [, language, code] = match;
    yield { line: page.slice(0, match.index).split('\n').length, language, code: code.trimEnd() };
  }
}

function syntaxFault(code) {
  if (/\busing \w+ = /.test(code)) return 'using';
  const { diagnostics } = ts.transpileModule(code, {
    fileName: 'page.js',
    reportDiagnostics: true,
    compilerOptions: { allowJs: true, module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ESNext },
  });
  return diagnostics.length === 0
    ? undefined
    : ts.flattenDiagnosticMessageText(diagnostics[0].messageText, ' ');
}
