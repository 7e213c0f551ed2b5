import { defineCommand, type CommandContext } from '../command-context.js';
import { parseNameArgument } from '../parse-name.js';
import { requestStart, startTimeoutMs } from '../request-start.js';

export const addLaunchCommand = defineCommand({
  usage: 'launch <name>',
  summary: 'start a service that has no endpoint',
  description:
    'Start a service with its manifest on the host of the registry, and wait until the service has registered. A running service is not started again. If --timeout ends the wait, the start continues.',
  timeoutMs: startTimeoutMs,
  examples: [
    ['clerk define /shop/orders --launch orders', 'first: set the manifest'],
    ['clerk launch /shop/orders', 'then: start the service'],
  ],
  run: launch,
});

async function launch(context: CommandContext, text: string): Promise<void> {
  const name = parseNameArgument(text);
  await requestStart(context, () => context.registry.launch(name), `Starting ${name} …`);
}
