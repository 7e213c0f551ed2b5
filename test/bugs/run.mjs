/**
 * Mutation tests: each patch beside this file puts one bug into a copy of the repository, and the test that it names must
 * fail there. The same tests must pass in a copy without bugs. The working tree is only read.
 *
 *   node test/bugs/run.mjs               all patches
 *   node test/bugs/run.mjs budget 09     patches whose names contain one of these texts
 *
 * The head of a patch describes the bug, names the guarantee that it `Breaks:`, and has one `Caught by:` line per test. Each
 * of these tests must fail. A test is a file, optionally with `-t` and part of a test's name, or `test/world/campaign.ts`
 * with its options. Exits with 1 when a bug is not caught, a patch does not apply, or a test fails without a bug.
 *
 * @see [H8](../../docs/guarantees.md#h8)
 */
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..', '..');
const copied = [
  'src',
  'test',
  'examples',
  'package.json',
  'tsconfig.json',
  'vitest.config.ts',
  'openapi.json',
];
const maxParallelRuns = 2;
/** Longest time of one test run, in ms. A bug that makes every test hang counts as not caught. */
const maxRunMs = 180_000;

const wanted = process.argv.slice(2);
const bugs = readdirSync(here)
  .filter((file) => file.endsWith('.patch'))
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
  .sort()
  .map(parseBug);
if (bugs.length === 0) {
  console.error(`No patch is named ${wanted.join(' or ')}; the patches are in test/bugs`);
  process.exit(2);
}

const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'binding-clerk-bugs-')));
const children = new Set();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1));
process.once('exit', () => {
  for (const child of children) end(child);
  rmSync(scratch, { recursive: true, force: true });
});

const startedAt = performance.now();
const control = createCopy('control');
const controlResults = controlRuns().map((tests) => ({ tests }));
const bugRuns = bugs.flatMap((bug) => bug.caughtBy.map((test, index) => ({ bug, test, index })));
await runAll([
  ...controlResults.map((each) => async () => Object.assign(each, await run(control, each.tests))),
  ...bugRuns.map((each) => async () => Object.assign(each, await runWithBug(each))),
]);
process.exitCode = printReport();

/** Reads a patch's head. */
function parseBug(file) {
  const path = join(here, file);
  const [head] = readFileSync(path, 'utf8').split('\ndiff --git ');
  const all = (key) =>
    [...head.matchAll(new RegExp(`^${key}: (.+)$`, 'gm'))].map(([, value]) => value.trim());
  const [breaks] = all('Breaks');
  const caughtBy = all('Caught by').map(parseTest);
  if (breaks === undefined || caughtBy.length === 0)
    throw new Error(`${file} must have a line 'Breaks:' and at least one line 'Caught by:'`);
  return { name: file.replace('.patch', ''), path, breaks, caughtBy };
}

function parseTest(text) {
  const [path, ...rest] = text.split(' ');
  if (!path.endsWith('.test.ts')) return { path, options: rest };
  return { path, only: rest[0] === '-t' ? rest.slice(1).join(' ') : undefined };
}

/** The runs that must pass without a bug: whole files in one run, every other test in a run of its own. */
function controlRuns() {
  const tests = new Map();
  for (const test of bugs.flatMap((bug) => bug.caughtBy)) tests.set(JSON.stringify(test), test);
  const isWhole = (test) => test.options === undefined && test.only === undefined;
  const whole = [...tests.values()].filter(isWhole);
  const alone = [...tests.values()].filter((test) => !isWhole(test));
  return [...(whole.length > 0 ? [whole] : []), ...alone.map((test) => [test])];
}

/** Copies all that tests need. Packages are linked one by one, so that the caches of tools stay in the copy. */
function createCopy(name) {
  const folder = join(scratch, name);
  for (const part of copied) cpSync(join(root, part), join(folder, part), { recursive: true });
  const packages = join(folder, 'node_modules');
  mkdirSync(packages);
  for (const entry of readdirSync(join(root, 'node_modules')))
    if (entry === '.bin' || !entry.startsWith('.'))
      symlinkSync(join(root, 'node_modules', entry), join(packages, entry));
  return folder;
}

async function runWithBug({ bug, test, index }) {
  const folder = createCopy(`${bug.name}-${index}`);
  const startedAtMs = performance.now();
  try {
    const applied = await execute('git', ['apply', bug.path], folder);
    return applied.code === 0
      ? await run(folder, [test])
      : { failed: [], problem: `the patch does not apply: ${applied.output.trim().split('\n')[0]}`, ms: 0 };
  } finally {
    console.error(`${bug.name}: ${((performance.now() - startedAtMs) / 1000).toFixed(1)} s`);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs tests of one kind. Returns the names of the failed tests, and the reason when there is no result. */
async function run(folder, tests) {
  const startedAtMs = performance.now();
  const verdict = await (tests[0].options === undefined
    ? runTests(folder, tests)
    : runWorlds(folder, tests[0]));
  return { ...verdict, ms: performance.now() - startedAtMs };
}

async function runTests(folder, tests) {
  const report = join(folder, 'tests.json');
  const [{ only }] = tests;
  const { output, isTimedOut } = await execute(
    process.execPath,
    [
      ...['node_modules/vitest/vitest.mjs', 'run', ...tests.map(({ path }) => path), '--maxWorkers=1'],
      ...['--reporter=json', `--outputFile.json=${report}`, ...(folder === control ? [] : ['--bail=1'])],
      ...(only === undefined ? [] : ['-t', only]),
    ],
    folder,
  );
  if (isTimedOut) return { failed: [], problem: `took longer than ${maxRunMs / 1000} s` };
  let files;
  try {
    files = JSON.parse(readFileSync(report, 'utf8')).testResults;
  } catch {
    return { failed: [], problem: `printed no result: ${output.trim().split('\n').at(-1)}` };
  }
  const results = files.flatMap((file) => file.assertionResults);
  const failed = results.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName);
  const broken = files.find((file) => file.status === 'failed' && file.assertionResults.length === 0);
  if (broken)
    return { failed, problem: `${relative(folder, broken.name)} cannot be loaded: ${broken.message}` };
  const ran = results.filter(({ status }) => status === 'passed' || status === 'failed').length;
  return { failed, problem: ran === 0 ? 'not one test was found' : undefined };
}

async function runWorlds(folder, { path, options }) {
  const { code, output, isTimedOut } = await execute(
    process.execPath,
    ['--import', 'tsx', path, ...options],
    folder,
  );
  if (isTimedOut) return { failed: [], problem: `took longer than ${maxRunMs / 1000} s` };
  if (code === 0) return { failed: [] };
  // The first seed that violated a guarantee, and the violation.
  const [, seed, violation] = /^Seed (\d+):.*\n\s*(.+)$/m.exec(output) ?? [];
  return seed === undefined
    ? { failed: [], problem: `printed no result: ${output.trim().split('\n').at(-1)}` }
    : { failed: [`seed ${seed}: ${violation}`] };
}

/** Runs a program and its children to their end. */
function execute(program, args, cwd) {
  // The copy is not a repository, and git must not find one above it.
  const env = { ...process.env, GIT_CEILING_DIRECTORIES: scratch, NO_COLOR: '1', FORCE_COLOR: '0' };
  return new Promise((settle) => {
    const child = spawn(program, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    children.add(child);
    let output = '';
    let isTimedOut = false;
    const timer = setTimeout(() => {
      isTimedOut = true;
      end(child);
    }, maxRunMs);
    const finish = (code) => {
      clearTimeout(timer);
      children.delete(child);
      settle({ code, output, isTimedOut });
    };
    const keep = (chunk) => (output += chunk);
    child.stdout.setEncoding('utf8').on('data', keep);
    child.stderr.setEncoding('utf8').on('data', keep);
    child.on('error', (error) => {
      output += error.message;
      finish(1);
    });
    child.on('close', finish);
  });
}

/** Ends the process group of a child. */
function end(child) {
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // The group has ended already.
  }
}

async function runAll(jobs) {
  const waiting = [...jobs];
  const worker = async () => {
    for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) await job();
  };
  await Promise.all(Array.from({ length: maxParallelRuns }, worker));
}

/** Prints a table of the results. @returns the exit code */
function printReport() {
  const rows = bugRuns.map(({ bug, test, failed, problem, ms }) => {
    const [caught] = failed;
    const verdict = caught ?? `NOT CAUGHT${problem === undefined ? '' : `, ${problem}`}`;
    return [bug.name, bug.breaks, (ms / 1000).toFixed(1), `${relative('test', test.path)}: ${verdict}`];
  });
  const titles = ['bug', 'breaks', 'seconds', 'caught by'];
  const widths = titles.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i].length)));
  for (const row of [titles, ...rows])
    console.log(
      row
        .map((cell, i) => (i === 2 ? cell.padStart(widths[i]) : i === 3 ? cell : cell.padEnd(widths[i])))
        .join('  '),
    );
  const missed = new Set(bugRuns.filter(({ failed }) => failed.length === 0).map(({ bug }) => bug.name));
  const failedControls = controlResults.flatMap(({ failed, problem }) => [
    ...failed,
    ...(problem ? [problem] : []),
  ]);
  for (const name of failedControls) console.log(`fails without a bug: ${name}`);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
  console.log(
    `\n${bugs.length - missed.size} of ${bugs.length} bugs caught, ${missed.size} not caught; without a bug ${failedControls.length === 0 ? 'the same tests pass' : `${failedControls.length} tests fail`}; ${seconds} s`,
  );
  return missed.size === 0 && failedControls.length === 0 ? 0 : 1;
}
