import { defineCommand, type CommandContext } from '../command-context.js';
import { parseNameArgument } from '../parse-name.js';
import { formatCount } from '../format.js';

export const addStopCommand = defineCommand({
  usage: 'stop <name>',
  summary: 'stop the started instances of a service',
  description:
    'Stop the processes that the registry has started for a service, including their child processes. Other instances keep running. The next call starts the service again.',
  timeoutMs: 30_000,
  examples: [['clerk stop /shop/orders', 'stop the service']],
  run: stop,
});

async function stop({ registry, stdout, json }: CommandContext, text: string): Promise<void> {
  const name = parseNameArgument(text);
  const { stopped } = await registry.stop(name);
  if (json) return stdout.json({ name, stopped });
  return stdout.line(
    stopped === 0
      ? `The registry has no running instance of ${name}`
      : `Stopped ${name}: ${formatCount(stopped, 'process group')}`,
  );
}
