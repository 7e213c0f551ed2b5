import { Argument, Option, type Command } from 'commander';
import type { Io } from '../io.js';
import { Output, styled } from '../output.js';

const steps = ['prepare', 'switch', 'retire'] as const;

/** `clerk registry-key`: changes the data folder, even while a registry uses the folder. */
export function addRegistryKeyCommand(program: Command, io: Io): void {
  program
    .command('registry-key')
    .addArgument(new Argument('<step>', 'step of the rotation').choices(steps))
    .summary('replace the key of a registry, in three steps')
    .description(
      'Replace the key of a secured registry while it runs. `prepare` creates the next key, which the registry announces to its clients. After `switch`, the registry proves the next key. Clients that know both keys still accept the former key, and a client that knows only the former key refuses the registry. After `retire`, clients do not accept the former key any more. Between two steps, wait at least 330 s, and at least a third of the longest lease. Clerks, services and identity files learn the next key themselves, and each step updates operator.identity in the data folder; add the next key to $CLERK_REGISTRY_KEY and --registry-key by hand after `prepare`. A repeated step prints the keys again.',
    )
    .addOption(new Option('-d, --data <folder>', 'data folder of the registry').makeOptionMandatory())
    .option('--force', 'do not wait after the previous step, for example because the key was stolen')
    .option('--json', 'print the keys and the next step as JSON')
    .addHelpText(
      'after',
      `
Examples:
  clerk registry-key prepare --data ./registry    the first step
  clerk registry-key switch --data ./registry     at least 330 s later
  clerk registry-key retire --data ./registry     at least 330 s later

Exit codes: 0 done, 1 failed, 2 usage or wrong order of the steps, 5 too early.`,
    )
    .action((step: (typeof steps)[number], options: StepOptions) => makeStep(step, options, io));
}

interface StepOptions {
  readonly data: string;
  readonly force?: boolean;
  readonly json?: true;
}

async function makeStep(
  step: (typeof steps)[number],
  { data, force = false, json }: StepOptions,
  { stdout: stream, env }: Io,
): Promise<void> {
  const stdout = new Output(stream, env);
  const { rotateRegistryKey } = await import('../../server/index.js');
  const { registryKey, registryKeys, next, nextInMs } = await rotateRegistryKey({ data, step, force });
  if (json) return stdout.json({ registryKey, registryKeys, next: next ?? null, nextInMs });
  await stdout.table()([
    ['Registry key', styled('strong', registryKey)],
    ...registryKeys
      .filter((key) => key !== registryKey)
      .map((key) => [next === 'switch' ? 'Next key' : 'Former key', key]),
  ]);
  if (next === 'retire')
    await stdout.line(
      'Clients that know both keys still accept the former key; a client that knows only the former key refuses the registry',
    );
  const waitSeconds = Math.ceil(nextInMs / 1_000);
  await stdout.line(
    next === undefined
      ? 'The rotation is complete'
      : `Next: clerk registry-key ${next} --data ${data}, ${waitSeconds > 0 ? `in ${String(waitSeconds)} s at the earliest` : 'possible now'}`,
  );
}
