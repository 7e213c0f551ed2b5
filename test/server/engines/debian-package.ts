import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** A program of Debian that tests start. */
export interface DebianProgram {
  readonly package: string;
  /** Absolute paths; the first one that exists is used. */
  readonly paths: readonly string[];
}

/**
 * Returns the path of the program, and installs its package if this process may do so. Otherwise returns the reason for
 * which tests that need the program are left out.
 */
export function debianProgram({
  package: name,
  paths,
}: DebianProgram): { path: string } | { leftOut: string } {
  const found = paths.find((path) => existsSync(path));
  if (found !== undefined) return { path: found };
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get'))
    return { leftOut: `${name} is not installed; run apt-get install ${name} as root` };
  const problem = install(name);
  const path = paths.find((each) => existsSync(each));
  return path === undefined ? { leftOut: `${name} cannot be installed: ${problem}` } : { path };
}

/** Other test files may install at the same time, so apt-get waits for its lock. No service is started. */
function install(name: string): string {
  const options = ['-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=300'];
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  let output = '';
  for (const args of [['install'], ['update'], ['install']]) {
    const given =
      args[0] === 'update' ? ['-o', 'DPkg::Lock::Timeout=300', 'update'] : ['install', ...options, name];
    const { status, stderr } = spawnSync('apt-get', given, { env, encoding: 'utf8', timeout: 300_000 });
    output = stderr.trim().split('\n').at(-1) ?? '';
    if (status === 0 && args[0] === 'install') return '';
  }
  return output;
}
