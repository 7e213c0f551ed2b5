import { paths } from '../../protocol/paths.js';
import { defineCommand, type CommandContext } from '../command-context.js';
import { parseNameArgument } from '../parse-name.js';
import { requestStart, startTimeoutMs } from '../request-start.js';

/** `clerk reset`: stops a service, clears its failed starts, and starts it again. */
export const addResetCommand = defineCommand({
  usage: 'reset <name>',
  summary: 'stop a service and start it again',
  description:
    'Stop the instances that the registry has started, clear the start backoff of earlier failures, and start the service again.',
  timeoutMs: startTimeoutMs,
  examples: [['clerk reset /shop/orders', 'after the cause of a failure was fixed']],
  run: reset,
});

async function reset(context: CommandContext, text: string): Promise<void> {
  const name = parseNameArgument(text);
  await requestStart(context, paths.reset, { name }, `Restarting ${name} …`);
}
