import { definedFields } from '../../core/defined-fields.js';
import { defineCommand, type CommandContext } from '../command-context.js';
import { parseNameArgument } from '../parse-name.js';
import { requestStart, startTimeoutMs } from '../request-start.js';

export const addResetCommand = defineCommand({
  usage: 'reset <name>',
  summary: 'stop a service and start it again',
  description:
    'Read the manifest again, stop the instances that the registry has started, clear the start backoff of earlier failures, and start the service again. With --rolling, start a new instance before each old one is drained. If maxInstances of the manifest does not allow another instance, drain an old one first; callers wait for the new one.',
  timeoutMs: startTimeoutMs,
  options: (command) =>
    command.option('--rolling', 'replace the instances one by one, each after its calls have ended'),
  examples: [
    ['clerk reset /shop/orders', 'after the cause of a failure was fixed'],
    ['clerk reset /shop/orders --rolling', 'after the manifest or a link in its paths was changed'],
  ],
  run: reset,
});

async function reset(
  context: CommandContext,
  text: string,
  { rolling }: { readonly rolling?: true },
): Promise<void> {
  const name = parseNameArgument(text);
  const options = definedFields({ rolling });
  await requestStart(
    context,
    () => context.registry.reset(name, options),
    `${rolling ? 'Replacing' : 'Restarting'} ${name} …`,
  );
}
