/**
 * Checks that every seeded bug still fits the code: its patch applies, the patched files type-check, and the tests that it
 * names exist. A patch that does not compile would fail any test, so its test would prove nothing. Exits with 1 and a line
 * per finding.
 *
 *   node test/bugs/check-patches.mjs
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..', '..');
const scratch = mkdtempSync(join(tmpdir(), 'binding-clerk-patches-'));
try {
  const typeErrors = createTypeChecker();
  const report = (patch, finding) => {
    console.log(`${patch}: ${finding}`);
    process.exitCode = 1;
  };
  const applied = [];
  for (const patch of readdirSync(here).filter((name) => name.endsWith('.patch'))) {
    const { finding, contents } = apply(patch);
    if (finding === undefined) applied.push({ patch, contents });
    else report(patch, finding);
  }
  for (const group of groupsOfOtherFiles(applied)) {
    // Together, the patches of a group compile in the time of one. Only if they do not, each is checked alone.
    if (typeErrors(group.flatMap(({ contents }) => contents)).length === 0) continue;
    for (const { patch, contents } of group)
      for (const error of typeErrors(contents)) report(patch, `does not compile: ${error}`);
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

/** Puts patches in as few groups as possible, in which no two change the same file. */
function groupsOfOtherFiles(applied) {
  const groups = [];
  for (const one of applied) {
    const files = one.contents.map(([file]) => file);
    let group = groups.find(({ changed }) => !files.some((file) => changed.has(file)));
    if (group === undefined) groups.push((group = { changed: new Set(), members: [] }));
    group.members.push(one);
    for (const file of files) group.changed.add(file);
  }
  return groups.map(({ members }) => members);
}

/** What is wrong with a patch, or the contents of the files that it changes. */
function apply(patch) {
  const text = readFileSync(join(here, patch), 'utf8');
  const unknownTest = [...text.matchAll(/^Caught by: (\S+)(?: -t (.+))?$/gm)].find(
    ([, path, title = '']) =>
      !existsSync(join(root, path)) || !readFileSync(join(root, path), 'utf8').includes(title),
  );
  if (unknownTest !== undefined)
    return { finding: `there is no test '${unknownTest[0].replace('Caught by: ', '')}'` };
  const folder = join(scratch, patch);
  const files = [...text.matchAll(/^--- a\/(.+)$/gm)].map(([, file]) => file);
  const missing = files.find((file) => !existsSync(join(root, file)));
  if (missing !== undefined)
    return { finding: `${missing} does not exist; name the file that has its code now` };
  for (const file of files) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    copyFileSync(join(root, file), join(folder, file));
  }
  // The copy lies outside any repository, so git reads the files themselves.
  const env = { ...process.env, GIT_CEILING_DIRECTORIES: scratch };
  const { status, stderr, error } = spawnSync('git', ['apply', join(here, patch)], {
    cwd: folder,
    env,
    encoding: 'utf8',
  });
  if (status !== 0) return { finding: `does not apply: ${error?.message ?? stderr.trim().split('\n')[0]}` };
  return { contents: files.map((file) => [join(root, file), readFileSync(join(folder, file), 'utf8')]) };
}

/** Type-checks files with other contents than they have; the rest of the program is parsed once. */
function createTypeChecker() {
  const host = { ...ts.sys, onUnRecoverableConfigFileDiagnostic: () => undefined };
  const config = ts.getParsedCommandLineOfConfigFile(join(root, 'tsconfig.json'), {}, host);
  const patched = new Map();
  const versions = new Map();
  const service = ts.createLanguageService({
    ...ts.sys,
    useCaseSensitiveFileNames: () => ts.sys.useCaseSensitiveFileNames,
    getScriptFileNames: () => config.fileNames,
    getScriptVersion: (file) => String(versions.get(file) ?? 0),
    getScriptSnapshot: (file) => {
      const text = patched.get(file) ?? ts.sys.readFile(file);
      return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text);
    },
    getCurrentDirectory: () => root,
    getCompilationSettings: () => config.options,
    getDefaultLibFileName: ts.getDefaultLibFilePath,
  });
  const advance = (file) => versions.set(file, (versions.get(file) ?? 0) + 1);
  return (contents) => {
    for (const [file, text] of contents) {
      patched.set(file, text);
      advance(file);
    }
    const diagnostics = contents.flatMap(([file]) => [
      ...service.getSyntacticDiagnostics(file),
      ...service.getSemanticDiagnostics(file),
    ]);
    for (const [file] of contents) {
      patched.delete(file);
      advance(file);
    }
    return diagnostics.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '));
  };
}
