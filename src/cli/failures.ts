/** How a failure is told: one line on standard error that says what to do, and a number that scripts can rely on. */
import type { Command } from 'commander';
import { isClerkError, reasonOf, type ClerkError } from '../core/errors.js';
import { failureOf } from '../wire/failure.js';
import { exitCodeOf, exitCodes } from './exit-codes.js';
import type { Io } from './io.js';
import { Output, paint } from './output.js';
import { duration } from './wording.js';

/**
 * Tells why a command failed.
 *
 * @param command - which; undefined when it had not begun
 * @returns the exit code
 */
export async function tellFailure(io: Io, command: Command | undefined, error: unknown): Promise<number> {
  const say = new Output(io.stderr, io.env);
  if (!isClerkError(error)) {
    await say.line(paint('bad', 'clerk: '), reasonOf(error));
    return exitCodes.failed;
  }
  if (command !== undefined && isJson(command)) {
    await say.json(failureOf(error));
    return exitCodeOf(error.code);
  }
  await say.line(paint('bad', 'clerk: '), forShell(error.message));
  for (const { number, address, stage, code, ms } of error.outcomes)
    await say.line(paint('faint', `  attempt ${number}: ${address} ${code} while ${stage}, ${duration(ms)}`));
  const hint = hintFor(error, command);
  if (hint !== undefined) await say.line(`  ${hint}`);
  return exitCodeOf(error.code);
}

/** What a program would do is no advice for a shell. */
function forShell(message: string): string {
  return message
    .replace(/; [^;]*\bbind\(\)[^;]*$/, '')
    .replace('with recursive', 'with --recursive')
    .replace(', or with whenExpired', '');
}

function hintFor(
  { code, message, remainingMs }: ClerkError,
  command: Command | undefined,
): string | undefined {
  const can = (flag: string): boolean => command?.options.some(({ long }) => long === flag) === true;
  const has = (key: string): boolean => command?.getOptionValue(key) !== undefined;
  if (code === 'PROMISE_HELD') {
    const hints = [
      // What is frozen already takes no second change.
      ...(can('--when-expired') && !has('whenExpired') && !message.includes(' is frozen')
        ? ['--when-expired has it done then']
        : []),
      ...(can('--force') ? ['--force breaks the promise'] : []),
    ];
    return hints.length > 0 ? hints.join('; ') : undefined;
  }
  if (code === 'NO_ENDPOINT') return '`clerk launch` starts one, where a manifest says how';
  if (code === 'LIMIT' && remainingMs !== undefined) return `Try again in ${duration(remainingMs)}`;
  if (code === 'REGISTRY_UNREACHABLE' && !message.includes('--registry') && can('--registry'))
    return 'Start a registry with `clerk serve`, or name another with --registry or $CLERK_REGISTRY';
  return undefined;
}

function isJson(command: Command): boolean {
  return command.opts<{ json?: true }>().json ?? command.parent?.opts<{ json?: true }>().json ?? false;
}
