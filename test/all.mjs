/**
 * Every check behind `npm test`. Each step runs even when an earlier one failed; light steps run two
 * at a time and show their output as one block, the test run has the machine to itself. The last line
 * is `N passed, N failed`: tests plus one for every other step. A test that was left out is named, and
 * counts as failed when CI=true.
 *
 *   node test/all.mjs               everything
 *   node test/all.mjs types lint    only these steps
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const ci = process.env.CI === 'true';
const scratch = mkdtempSync(join(tmpdir(), 'binding-clerk-'));
const report = join(scratch, 'tests.json');

/**
 * The steps of a phase may run side by side, except that one waits for its `after`. Long steps come first, so that none of them
 * runs alone at the end.
 */
const phases = [
  [
    { name: 'lint', command: ['eslint', '.', '--max-warnings', '0'] },
    { name: 'bugs', command: ['node', 'test/bugs/check-patches.mjs'] },
    { name: 'build', command: ['npm', 'run', '--silent', 'build'] },
    { name: 'publint', command: ['publint', '--strict'], after: 'build' },
    { name: 'types', command: ['tsc', '-p', 'tsconfig.json'] },
    { name: 'unused', command: ['knip', '--no-progress'] },
    // Both pack, and one must not find the other's files half made.
    {
      name: 'attw',
      command: ['attw', '--pack', '.', '--profile', 'esm-only', '--no-emoji'],
      after: 'publint',
    },
    { name: 'docs', command: ['typedoc', '--logLevel', 'Warn'] },
    { name: 'format', command: ['prettier', '--check', '--log-level', 'warn', '.'] },
    { name: 'api', command: ['node', 'test/api/listing.mjs', '--check'] },
    {
      name: 'layers',
      command: ['depcruise', '--config', '.dependency-cruiser.cjs', 'src', 'test', 'examples'],
    },
    { name: 'house', command: ['node', 'test/house/check.mjs'] },
    { name: 'openapi', command: ['node', '--import', 'tsx', 'test/api/openapi.mjs', '--check'] },
  ],
  [
    {
      name: 'tests',
      command: [
        ...['vitest', 'run', '--allowOnly=false'],
        ...['--reporter=default', '--reporter=./test/left-out.mjs'],
        ...['--reporter=json', `--outputFile.json=${report}`],
      ],
      streams: true,
      count: countTests,
    },
  ],
];

const names = phases.flat().map((step) => step.name);
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !names.includes(name));
if (unknown.length > 0) {
  console.error(`No step named ${unknown.join(', ')}; the steps are ${names.join(', ')}`);
  process.exit(2);
}

const results = [];
const leftOut = [];
try {
  for (const phase of phases) {
    await runPhase(phase.filter((step) => wanted.length === 0 || wanted.includes(step.name)));
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
summarize();

/** Two workers take the steps in order; a step is free once the one it comes after has ended. */
async function runPhase(steps) {
  const waiting = [...steps];
  const running = new Map();
  while (waiting.length > 0 || running.size > 0) {
    for (const step of [...waiting]) {
      const free = ![...waiting, ...running.keys()].some((other) => other.name === step.after);
      if (running.size >= 2 || !free) continue;
      waiting.splice(waiting.indexOf(step), 1);
      running.set(
        step,
        runStep(step).then(() => running.delete(step)),
      );
    }
    await Promise.race(running.values());
  }
}

async function runStep(step) {
  const startedAt = performance.now();
  if (step.streams) heading(step);
  const { ok, output } = await run(step);
  const seconds = (performance.now() - startedAt) / 1000;
  if (!step.streams) {
    heading(step, ok ? 'ok' : 'FAILED');
    if (output.trim() !== '') console.log(output.trimEnd());
  }
  const counts = step.count?.(ok) ?? { passed: Number(ok), failed: Number(!ok) };
  results.push({ name: step.name, seconds, ...counts });
}

function run({ command: [program, ...args], streams = false }) {
  const bin = join(root, 'node_modules', '.bin');
  const colour = process.stdout.isTTY && process.env.NO_COLOR === undefined ? { FORCE_COLOR: '1' } : {};
  const env = { ...process.env, ...colour, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}` };
  return new Promise((settle) => {
    const child = spawn(program, args, {
      cwd: root,
      env,
      shell: process.platform === 'win32',
      stdio: streams ? ['ignore', 'inherit', 'inherit'] : ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const keep = (chunk) => (output += chunk);
    child.stdout?.setEncoding('utf8').on('data', keep);
    child.stderr?.setEncoding('utf8').on('data', keep);
    child.on('error', (error) => settle({ ok: false, output: `${output}${error.message}` }));
    child.on('close', (code) => settle({ ok: code === 0, output }));
  });
}

/** Sums the test run's report. A file that could not be loaded, or no report at all, is one failure. */
function countTests(ok) {
  let files;
  try {
    files = JSON.parse(readFileSync(report, 'utf8')).testResults;
  } catch {
    return { passed: 0, failed: 1 };
  }
  let passed = 0;
  let failed = 0;
  let skipped = 0;
  for (const file of files) {
    const path = relative(root, resolve(file.name));
    if (file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'))
      failed += 1;
    for (const test of file.assertionResults) {
      if (test.status === 'passed') passed += 1;
      else if (test.status === 'failed') failed += 1;
      else {
        const { leftOut: reason } = test.meta;
        // A suite that runs over several implementations lists the tests that one of them need not pass.
        if (reason?.startsWith('does not apply')) continue;
        skipped += 1;
        leftOut.push(`${path} > ${test.fullName}${reason === undefined ? '' : `: ${reason}`}`);
      }
    }
  }
  if (ci) failed += skipped;
  // Something went wrong outside any test: an unhandled rejection, or not one test found.
  if (!ok && failed === 0) failed = 1;
  if (passed + failed + skipped === 0) failed = 1;
  return { passed, failed, skipped };
}

function heading({ name, command }, verdict) {
  const shown = command.map((part) => (part.includes(scratch) ? part.replace(scratch, '…') : part)).join(' ');
  console.log(`\n── ${name}${verdict === undefined ? '' : `: ${verdict}`} ── ${shown}`);
}

function summarize() {
  const order = (result) => names.indexOf(result.name);
  const rows = results.toSorted((a, b) => order(a) - order(b));
  console.log(`\n${'step'.padEnd(10)}${'seconds'.padStart(8)}${'passed'.padStart(8)}${'failed'.padStart(8)}`);
  for (const { name, seconds, passed, failed } of rows) {
    const figures = [seconds.toFixed(1), passed, failed].map((figure) => String(figure).padStart(8)).join('');
    console.log(`${name.padEnd(10)}${figures}${failed > 0 ? '  <- failed' : ''}`);
  }
  for (const test of leftOut) console.log(`left out: ${test}${ci ? ' (counts as failed)' : ''}`);
  const sum = (key) => rows.reduce((total, row) => total + row[key], 0);
  const [passed, failed] = [sum('passed'), sum('failed')];
  process.exitCode = failed > 0 ? 1 : 0;
  console.log(`\n${passed} passed, ${failed} failed`);
}
