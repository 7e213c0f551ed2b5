import type { Command } from 'commander';
import { isClerkError, errorMessage, type ClerkError } from '../core/errors.js';
import type { Stage } from '../core/outcome.js';
import { encodeError } from '../protocol/error-codec.js';
import { exitCodeOf, exitCodes } from './exit-codes.js';
import type { Io } from './io.js';
import { Output, styled } from './output.js';
import { formatDuration } from './format.js';

/**
 * Prints why a command failed and what the user can do. Returns the exit code.
 *
 * @param command - undefined when no command has started
 */
export async function printError(io: Io, command: Command | undefined, error: unknown): Promise<number> {
  const stderr = new Output(io.stderr, io.env);
  if (!isClerkError(error)) {
    await stderr.line(styled('bad', 'clerk: '), errorMessage(error));
    return exitCodes.failed;
  }
  if (command !== undefined && wantsJson(command)) {
    await stderr.json(encodeError(error));
    return exitCodeOf(error.code);
  }
  await stderr.line(styled('bad', 'clerk: '), adaptToShell(error.message));
  for (const { attempt, address, stage, code, durationMs } of error.outcomes)
    await stderr.line(
      styled(
        'faint',
        `  attempt ${attempt}: ${address} ${code} after ${formatDuration(durationMs)}, ${stageTexts[stage]}`,
      ),
    );
  const hint = hintFor(error, command);
  if (hint !== undefined) await stderr.line(`  ${hint}`);
  return exitCodeOf(error.code);
}

const stageTexts: Readonly<Record<Stage, string>> = {
  waiting: 'request not sent',
  sent: 'no response',
  answered: 'response received',
};

/** Replaces advice for programmers, such as `pass recursive`, with options. Removes advice that has no option. */
function adaptToShell(message: string): string {
  return message
    .replace(/; [^;]*\bbind\(\)[^;]*$/, '')
    .replaceAll(/; start one with 'npx clerk serve', or set another registry address/g, '')
    .replace('pass recursive', 'pass --recursive')
    .replace(', or pass whenExpired', '');
}

function hintFor(
  { code, message, remainingMs }: ClerkError,
  command: Command | undefined,
): string | undefined {
  const hasOption = (flag: string): boolean => command?.options.some(({ long }) => long === flag) === true;
  const isGiven = (key: string): boolean => command?.getOptionValue(key) !== undefined;
  if (code === 'CHANGE_TOO_EARLY') {
    const hints = [
      // A frozen name cannot have a second scheduled change.
      ...(hasOption('--when-expired') && !isGiven('whenExpired') && !message.includes(' is frozen')
        ? ['--when-expired schedules the change for the end of the guaranteed time']
        : []),
      ...(hasOption('--force') ? ['--force makes the change now'] : []),
    ];
    return hints.length > 0 ? hints.join('; ') : undefined;
  }
  if (code === 'NO_ENDPOINT') return 'Start an endpoint with `clerk launch`, if the service has a manifest';
  if (code === 'LIMIT_EXCEEDED' && remainingMs !== undefined)
    return `Retry in ${formatDuration(remainingMs)}`;
  if (code === 'REGISTRY_UNREACHABLE' && !message.includes('--registry') && hasOption('--registry'))
    return 'Start a registry with `clerk serve`, or set --registry or $CLERK_REGISTRY';
  return undefined;
}

function wantsJson(command: Command): boolean {
  return command.opts<{ json?: true }>().json ?? command.parent?.opts<{ json?: true }>().json ?? false;
}
