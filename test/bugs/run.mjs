/**
 * Tests the tests: each patch beside this file puts one bug into a copy of the repository, and the test it names must
 * fail there. The same tests must pass in a copy without any bug. The working tree is only read.
 *
 *   node test/bugs/run.mjs               all of them
 *   node test/bugs/run.mjs budget 09     those whose names contain one of these
 *
 * The head of a patch says what is wrong, what it `Breaks:`, and by which test it is `Caught by:`, a line for each; all
 * of them must catch it. A test is a file, with `-t` and a part of a test's name where the whole file takes too long, or
 * `test/world/campaign.ts` with its options. Exits with 1 when a bug is not caught, a patch does not apply any more, or
 * a test fails without any bug.
 *
 * @see promises H8
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
const mostAtOnce = 2;
/** Longest time of one test run, in ms: a bug that makes everything hang is found by no test. */
const longestMs = 180_000;

const wanted = process.argv.slice(2);
const bugs = readdirSync(here)
  .filter((file) => file.endsWith('.patch'))
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
  .sort()
  .map(bugOf);
if (bugs.length === 0) {
  console.error(`No bug is called ${wanted.join(' or ')}`);
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
const sound = copyOf('sound');
const soundRuns = runsWithoutBugs().map((tests) => ({ tests }));
const bugRuns = bugs.flatMap((bug) => bug.caughtBy.map((test) => ({ bug, test })));
await allOf([
  ...soundRuns.map((each) => async () => Object.assign(each, await run(sound, each.tests))),
  ...bugRuns.map((each) => async () => Object.assign(each, await runWithBug(each))),
]);
process.exitCode = tell();

/** Reads a patch's head. */
function bugOf(file) {
  const path = join(here, file);
  const [head] = readFileSync(path, 'utf8').split('\ndiff --git ');
  const all = (key) =>
    [...head.matchAll(new RegExp(`^${key}: (.+)$`, 'gm'))].map(([, value]) => value.trim());
  const [breaks] = all('Breaks');
  const caughtBy = all('Caught by').map(testOf);
  if (breaks === undefined || caughtBy.length === 0)
    throw new Error(`${file} does not say what it breaks, or by which test it is caught`);
  return { name: file.replace('.patch', ''), path, breaks, caughtBy };
}

function testOf(text) {
  const [path, ...rest] = text.split(' ');
  if (!path.endsWith('.test.ts')) return { path, options: rest };
  return { path, only: rest[0] === '-t' ? rest.slice(1).join(' ') : undefined };
}

/** What must pass without a bug: whole files in one run, everything else alone, each once. */
function runsWithoutBugs() {
  const tests = new Map();
  for (const test of bugs.flatMap((bug) => bug.caughtBy)) tests.set(JSON.stringify(test), test);
  const isWhole = (test) => test.options === undefined && test.only === undefined;
  const whole = [...tests.values()].filter(isWhole);
  const alone = [...tests.values()].filter((test) => !isWhole(test));
  return [...(whole.length > 0 ? [whole] : []), ...alone.map((test) => [test])];
}

/** A copy of all that tests need. Packages are linked one by one, so that what tools keep beside them stays in the copy. */
function copyOf(name) {
  const folder = join(scratch, name);
  for (const part of copied) cpSync(join(root, part), join(folder, part), { recursive: true });
  const packages = join(folder, 'node_modules');
  mkdirSync(packages);
  for (const entry of readdirSync(join(root, 'node_modules')))
    if (entry === '.bin' || !entry.startsWith('.'))
      symlinkSync(join(root, 'node_modules', entry), join(packages, entry));
  return folder;
}

async function runWithBug({ bug, test }) {
  const folder = copyOf(`${bug.name}-${relative('test', test.path).replaceAll('/', '-')}`);
  const beganAt = performance.now();
  try {
    const applied = await execute('git', ['apply', bug.path], folder);
    return applied.code === 0
      ? await run(folder, [test])
      : { failed: [], problem: `the patch does not apply: ${applied.output.trim().split('\n')[0]}`, ms: 0 };
  } finally {
    console.error(`${bug.name}: ${((performance.now() - beganAt) / 1000).toFixed(1)} s`);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs tests of one kind: the names of those that failed, and what kept it from telling. */
async function run(folder, tests) {
  const beganAt = performance.now();
  const verdict = await (tests[0].options === undefined
    ? runTests(folder, tests)
    : runWorlds(folder, tests[0]));
  return { ...verdict, ms: performance.now() - beganAt };
}

async function runTests(folder, tests) {
  const report = join(folder, 'tests.json');
  const [{ only }] = tests;
  const { output, isLate } = await execute(
    process.execPath,
    [
      ...['node_modules/vitest/vitest.mjs', 'run', ...tests.map(({ path }) => path), '--maxWorkers=1'],
      ...['--reporter=json', `--outputFile.json=${report}`, ...(folder === sound ? [] : ['--bail=1'])],
      ...(only === undefined ? [] : ['-t', only]),
    ],
    folder,
  );
  if (isLate) return { failed: [], problem: `took longer than ${longestMs / 1000} s` };
  let files;
  try {
    files = JSON.parse(readFileSync(report, 'utf8')).testResults;
  } catch {
    return { failed: [], problem: `told nothing: ${output.trim().split('\n').at(-1)}` };
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
  const { code, output, isLate } = await execute(
    process.execPath,
    ['--import', 'tsx', path, ...options],
    folder,
  );
  if (isLate) return { failed: [], problem: `took longer than ${longestMs / 1000} s` };
  if (code === 0) return { failed: [] };
  // The first seed that a promise was broken with, and which.
  const [, seed, violation] = /^Seed (\d+):.*\n\s*(.+)$/m.exec(output) ?? [];
  return seed === undefined
    ? { failed: [], problem: `told nothing: ${output.trim().split('\n').at(-1)}` }
    : { failed: [`seed ${seed}: ${violation}`] };
}

/** Runs a program to its end, with all that it has started. */
function execute(program, args, cwd) {
  // Not a repository of its own, and not a part of one that it may lie in.
  const env = { ...process.env, GIT_CEILING_DIRECTORIES: scratch, NO_COLOR: '1', FORCE_COLOR: '0' };
  return new Promise((settle) => {
    const child = spawn(program, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    children.add(child);
    let output = '';
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      end(child);
    }, longestMs);
    const over = (code) => {
      clearTimeout(timer);
      children.delete(child);
      settle({ code, output, isLate });
    };
    const keep = (chunk) => (output += chunk);
    child.stdout.setEncoding('utf8').on('data', keep);
    child.stderr.setEncoding('utf8').on('data', keep);
    child.on('error', (error) => {
      output += error.message;
      over(1);
    });
    child.on('close', over);
  });
}

/** Ends a child and whatever it has started, which is a group of its own. */
function end(child) {
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It is over already.
  }
}

async function allOf(jobs) {
  const waiting = [...jobs];
  const worker = async () => {
    for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) await job();
  };
  await Promise.all(Array.from({ length: mostAtOnce }, worker));
}

/** Prints what came of it. @returns the exit code */
function tell() {
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
  const unsound = soundRuns.flatMap(({ failed, problem }) => [...failed, ...(problem ? [problem] : [])]);
  for (const name of unsound) console.log(`fails without any bug: ${name}`);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
  console.log(
    `\n${bugs.length - missed.size} of ${bugs.length} bugs caught, ${missed.size} not; without any bug ${unsound.length === 0 ? 'the same tests pass' : `${unsound.length} tests fail`}; ${seconds} s`,
  );
  return missed.size === 0 && unsound.length === 0 ? 0 : 1;
}
