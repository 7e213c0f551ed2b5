import type { Command } from 'commander';
import { definedFields } from '../core/defined-fields.js';
import { isClerkError, errorMessage, type ClerkError, type Execution } from '../core/errors.js';
import type { Stage } from '../core/outcome.js';
import { encodeError } from '../protocol/error-codec.js';
import { commonOptionsOf } from './common-options.js';
import { exitCodeOf, exitCodes } from './exit-codes.js';
import type { Io } from './io.js';
import { Output, styled } from './output.js';
import { formatDuration } from './format.js';
import { identityPath } from './registry-credentials.js';

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
  const canSchedule = command?.options.some(({ long }) => long === '--when-expired') === true;
  const message = adaptToShell(error.message, canSchedule);
  const hint = identityHint(error, command, io) ?? hintFor(error, command);
  const isCall = command?.name() === 'call';
  if (command !== undefined && wantsJson(command)) {
    const fields = { ...encodeError(error).error, message, ...(isCall && progressOf(error)) };
    await stderr.json({ error: { ...fields, ...definedFields({ hint }) } });
    return exitCodeOf(error.code);
  }
  await stderr.line(styled('bad', 'clerk: '), message);
  // The response was printed before, and shows that the request ran.
  const isResponse = error.code === 'BAD_STATUS' && error.execution === 'done';
  for (const { attempt, address, stage, code, durationMs } of isResponse ? [] : error.outcomes)
    await stderr.line(
      styled(
        'faint',
        `  attempt ${attempt}: ${address} ${code} after ${formatDuration(durationMs)}, ${stageTexts[stage]}`,
      ),
    );
  if (isCall && !isResponse && exitCodeOf(error.code) !== exitCodes.usage)
    await stderr.line(styled('faint', `  ${executionTexts[error.execution]}`));
  if (hint !== undefined) await stderr.line(`  ${hint}`);
  return exitCodeOf(error.code);
}

const stageTexts: Readonly<Record<Stage, string>> = {
  waiting: 'request not sent',
  sent: 'no response',
  answered: 'response received',
};

const executionTexts: Readonly<Record<Execution, string>> = {
  none: 'The request did not run',
  unknown: 'The request may have run',
  done: 'The request ran',
};

function progressOf({ execution, outcomes }: ClerkError): object {
  return {
    execution,
    outcomes: outcomes.map(({ attempt, endpoint, address, stage, code, durationMs }) => ({
      ...{ attempt, endpoint, address, stage, code, durationMs },
    })),
  };
}

/**
 * Replaces advice for programmers, such as `pass recursive`, with command-line options. Removes advice that does not
 * apply to commands.
 */
function adaptToShell(message: string, canSchedule: boolean): string {
  return (
    message
      // A hint below names the command that shows the rights.
      .replace(/; the registry also hides a name [^;]*/, '')
      .replace(/; [^;]*\bbind\(\)[^;]*$/, '')
      .replaceAll(/; start one with 'npx clerk serve', or set another registry address/g, '')
      .replace('set the option registryKey', 'set --registry-key')
      .replace('Set the option registryKey', 'Set --registry-key')
      .replace('pass the options registry and registryKey', 'give --registry and --registry-key')
      .replace("pass the option 'identity', or set CLERK_IDENTITY", 'give --identity, or set $CLERK_IDENTITY')
      .replace('or secure the registry', 'or secure the registry with clerk init')
      .replace(/; request a new token and create a new key$/, '')
      .replace(/^(\/\S+) must have the right (\S+) on (\S+); .*/, '$1 must have the right $2 on $3')
      .replace('clerk.list()', 'clerk ls')
      .replace('increase timeoutMs', 'give a longer --timeout')
      .replace('pass recursive', 'pass --recursive')
      .replace(
        'pass whenExpired to schedule the change',
        canSchedule ? 'give --when-expired to schedule the change' : 'retry later',
      )
      .replace('cancel that change, or retry', 'cancel that change with clerk cancel, or retry')
  );
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
  const isAnotherProblem = /--registry|registryKey|use http:/.test(message);
  if (code === 'REGISTRY_UNREACHABLE' && !isAnotherProblem && hasOption('--registry'))
    return 'Start a registry with `clerk serve`, or set --registry or $CLERK_REGISTRY';
  return undefined;
}

function identityOf(command: Command | undefined, { env }: Io): string | undefined {
  return command && identityPath(commonOptionsOf(command), env);
}

/** Advice about keys, tokens and rights. */
function identityHint(
  { code, message, outcomes }: ClerkError,
  command: Command | undefined,
  io: Io,
): string | undefined {
  const identity = identityOf(command, io);
  if (code === 'IDENTITY_INVALID' && message.startsWith('The client must prove'))
    return identity === undefined
      ? 'Give --identity FILE, or set $CLERK_IDENTITY; clerk enroll creates the file'
      : `The registry does not accept the key in ${identity}, because the key was revoked or replaced, or belongs to another registry; enroll a new key with clerk enroll`;
  if (code === 'TICKET_REFUSED' && message.startsWith('The enrolment was refused'))
    return command?.name() === 'enroll'
      ? `The enrollment in ${String(command.args[0])} is unfinished; ask an operator for a new token (clerk token NAME) and repeat the command with the new token, or delete the file`
      : 'Ask an operator for a new token: clerk token NAME';
  const [, principal, right, name] = /^(\/\S+) must have the right (\S+) on (\S+);/.exec(message) ?? [];
  if (code === 'FORBIDDEN' && right !== undefined)
    return `An operator can allow it: clerk acl allow ${String(principal)} ${String(name)} ${right}`;
  if (
    code === 'NAME_NOT_FOUND' &&
    identity !== undefined &&
    / does not exist$|^No service is registered as |^No prefix of /.test(message)
  )
    return 'The registry does not show names that you may not read; clerk acl explain shows your rights';
  if (code === 'ENDPOINT_UNPROVEN' && outcomes.length === 0)
    return 'Another server may listen at this address, or the registry may have another key now; compare the key in --registry-key, $CLERK_REGISTRY_KEY or the identity file with the key that clerk serve and clerk registry-key print';
  if (code === 'REGISTRY_UNREACHABLE' && /http:\/\/.*(closed|reset)/i.test(message))
    return 'If the registry has keys, give its https: address and an identity: --registry https://…, --identity FILE';
  return undefined;
}

function wantsJson(command: Command): boolean {
  return commonOptionsOf(command).json ?? false;
}
