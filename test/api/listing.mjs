/**
 * The public API as text, one file per entry point: every exported name with its kind and its emitted
 * declaration, comments left out, sorted. Without arguments the listings are written; with `--check`
 * they are compared and a difference is an error, so a change of the API shows in the diff.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const here = dirname(fileURLToPath(import.meta.url));
const root = resolve(here, '../..');
const entries = [
  { source: 'src/index.ts', listing: 'index.txt' },
  { source: 'src/admin/index.ts', listing: 'admin.txt' },
  { source: 'src/extend/index.ts', listing: 'extend.txt' },
  { source: 'src/identity/index.ts', listing: 'identity.txt' },
  { source: 'src/server/index.ts', listing: 'server.txt' },
  { source: 'src/service/index.ts', listing: 'service.txt' },
  { source: 'src/testing/index.ts', listing: 'testing.txt' },
];

const check = process.argv.includes('--check');
const declarations = emitDeclarations();
let differences = 0;
for (const { source, listing } of entries) {
  const text = list(source);
  const file = join(here, listing);
  const before = existsSync(file) ? readFileSync(file, 'utf8') : '';
  if (before === text) {
    console.log(`test/api/${listing}: unchanged`);
  } else if (check) {
    differences += 1;
    console.log(`test/api/${listing}: the public API of ${source} has changed`);
    console.log(lineDifference(before, text));
  } else {
    writeFileSync(file, text);
    console.log(`test/api/${listing}: written`);
  }
}
if (differences > 0) {
  console.log('\nIf the change is meant, run `npm run api` and commit the listings with it.');
  process.exitCode = 1;
}

/** The .d.ts files of the whole source, in memory, by the path they would be written to. */
function emitDeclarations() {
  const config = ts.getParsedCommandLineOfConfigFile(
    join(root, 'tsconfig.build.json'),
    {
      emitDeclarationOnly: true,
      removeComments: true,
      noEmitOnError: false,
      sourceMap: false,
      inlineSources: false,
    },
    { ...ts.sys, onUnRecoverableConfigFileDiagnostic: fail },
  );
  for (const { source } of entries) {
    if (!existsSync(join(root, source))) fail({ messageText: `${source} is missing` });
  }
  const files = new Map();
  const program = ts.createProgram(config.fileNames, config.options);
  const { diagnostics } = program.emit(undefined, (path, text) => files.set(resolve(path), text));
  if (diagnostics.length > 0) fail(diagnostics[0]);
  return { files, options: config.options };
}

/** One entry point's listing. */
function list(source) {
  const { files, options } = declarations;
  const entry = join(options.outDir, relative('src', source)).replace(/[.]ts$/, '.d.ts');
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile, directoryExists } = host;
  host.fileExists = (path) => files.has(resolve(path)) || fileExists(path);
  host.readFile = (path) => files.get(resolve(path)) ?? readFile(path);
  host.directoryExists = (path) =>
    directoryExists?.(path) === true ||
    [...files.keys()].some((file) => file.startsWith(resolve(path) + sep));
  host.getSourceFile = (path, ...rest) => {
    const text = files.get(resolve(path));
    return text === undefined ? getSourceFile(path, ...rest) : ts.createSourceFile(path, text, ...rest);
  };
  const program = ts.createProgram([entry], { ...options, noEmit: true, declaration: false }, host);
  const checker = program.getTypeChecker();
  const module = checker.getSymbolAtLocation(program.getSourceFile(entry));
  const symbols = module === undefined ? [] : checker.getExportsOfModule(module);
  const blocks = symbols
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map((symbol) => describe(symbol, checker, files));
  return `${symbols.length} names exported by ${source}\n\n${blocks.join('\n')}`;
}

function describe(symbol, checker, files) {
  const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  const typeOnly = (symbol.declarations ?? []).some(ts.isTypeOnlyImportOrExportDeclaration);
  const nodes = target.declarations ?? [];
  const parts = nodes.map((node) => {
    const own = files.has(resolve(node.getSourceFile().fileName));
    return own ? printed(node, symbol.name) : `from ${packageOf(node.getSourceFile().fileName)}`;
  });
  const kinds = [...new Set(nodes.map(kindOf))].sort().join(', ');
  return `${symbol.name}: ${kinds}${typeOnly ? ' (type only)' : ''}\n${indent([...new Set(parts)].join('\n'))}\n`;
}

function printed(node, name) {
  if (ts.isSourceFile(node)) return `namespace of ${name}`;
  const statement = ts.isVariableDeclaration(node) ? node.parent.parent : node;
  const text = statement.getText().replaceAll('\r\n', '\n');
  return text.replace(/^export (default )?/, '').replace(/^declare /, '');
}

function kindOf(node) {
  if (ts.isClassDeclaration(node)) return 'class';
  if (ts.isInterfaceDeclaration(node)) return 'interface';
  if (ts.isTypeAliasDeclaration(node)) return 'type';
  if (ts.isFunctionDeclaration(node)) return 'function';
  if (ts.isVariableDeclaration(node)) return 'const';
  if (ts.isEnumDeclaration(node)) return 'enum';
  return 'namespace';
}

function packageOf(path) {
  const inside = path.split(/[\\/]node_modules[\\/]/).at(-1) ?? path;
  return inside
    .split('/')
    .slice(0, inside.startsWith('@') ? 2 : 1)
    .join('/');
}

function indent(text) {
  return text.replaceAll(/^(?=.)/gm, '  ');
}

/** The lines that only one of two texts contains, in order; at most 60. */
function lineDifference(before, after) {
  const [old, now] = [before.split('\n'), after.split('\n')];
  const gone = old.filter((line) => !now.includes(line)).map((line) => `- ${line}`);
  const come = now.filter((line) => !old.includes(line)).map((line) => `+ ${line}`);
  return [...gone, ...come].slice(0, 60).join('\n') || '  (same lines in another order)';
}

function fail(diagnostic) {
  console.log(ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n'));
  process.exit(1);
}
