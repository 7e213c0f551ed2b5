/** The demo in its short version: real processes are killed and stopped, and no call fails. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const main = fileURLToPath(new URL('../../examples/demo/main.ts', import.meta.url));

interface Run {
  readonly code: number;
  readonly out: string;
  readonly stderr: string;
}

function demo(...flags: string[]): Promise<Run> {
  return new Promise((resolve) => {
    const args = ['--import', 'tsx', main, ...flags];
    execFile(process.execPath, args, { timeout: 110_000 }, (error, out, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), out, stderr });
    });
  });
}

/** A row of the table at the end: calls, failed, slowed, longest in ms, starts. */
function row(out: string, title: string): (number | undefined)[] {
  const line = out.split('\n').find((text) => text.startsWith(`  ${title}  `)) ?? '';
  const cells = line
    .slice(title.length + 2)
    .replace(' ms', '')
    .trim()
    .split(/ +/);
  return cells.map((cell) => (cell === '–' ? undefined : Number(cell)));
}

test.skipIf(process.platform === 'win32')(
  'no call fails, and each start happens once',
  { timeout: 120_000 },
  async () => {
    const { code, out, stderr } = await demo('--short');
    expect({ code, stderr }, out).toEqual({ code: 0, stderr: '' });

    const [calls, failed, , longestMs, starts] = row(out, '/shop/orders');
    expect({ calls, failed, starts }).toEqual({ calls: 525, failed: 0, starts: undefined });
    expect(longestMs).toBeGreaterThan(0);
    for (const title of ['not running', 'killed']) {
      const [calls, failed, , , starts] = row(out, `/shop/reports, ${title}`);
      expect({ title, calls, failed, starts }).toEqual({ title, calls: 50, failed: 0, starts: 1 });
    }

    for (const line of [
      'replica a is killed',
      'replica a is restarted',
      'replica b is stopped',
      'replica b continues',
      'the registry is killed',
      'the registry is restarted',
    ]) {
      expect(out).toContain(line);
    }
    // Either replica: one that got no request while it was stopped was not missed.
    expect(out).toMatch(/clerk ejects [ab]/);
    expect(out).toMatch(/clerk uses [ab] again/);
    expect(out).not.toContain('\x1b');
  },
);

test('an unknown flag is rejected', async () => {
  const { code, stderr } = await demo('--quick');
  expect(code).toBe(1);
  expect(stderr).toContain('--quick');
});
