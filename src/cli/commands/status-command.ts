import { defineCommand, type CommandContext } from '../command-context.js';
import { formatCount } from '../format.js';
import { formatScheduled } from '../format-scheduled.js';
import { styled } from '../output.js';

export const addStatusCommand = defineCommand({
  usage: 'status',
  summary: 'show the status of the registry',
  description:
    'Show the version and the size of the registry (of a secured registry, the size only with the right read on /), the parts that do not work, and the instances whose manifest has changed since they were started. A change of a manifest is noticed within 5 s.',
  examples: [['clerk status --json', 'for scripts']],
  run: status,
});

async function status({ registry, stdout, json }: CommandContext): Promise<void> {
  const response = await registry.status();
  if (json) return stdout.json(response);
  const { version, incarnation, revision, services, endpoints, links, watches } = response;
  await stdout.line(`binding-clerk ${version}, incarnation ${incarnation}, revision ${revision}`);
  const counts = [
    ...(services === undefined ? [] : [formatCount(services, 'service')]),
    ...(endpoints === undefined ? [] : [formatCount(endpoints, 'endpoint')]),
    ...(links === undefined ? [] : [formatCount(links, 'link')]),
    ...(watches === undefined ? [] : [`${String(watches)} open ${watches === 1 ? 'watch' : 'watches'}`]),
  ];
  if (counts.length > 0) await stdout.line(counts.join(', '));
  for (const { part, message } of response.problems ?? [])
    await stdout.line(styled('bad', `${part}: ${message}`));
  for (const { name, id, reason } of response.outdated ?? [])
    await stdout.line(styled('warning', `${name} (${id}) is outdated: ${reason}`));
  for (const change of response.scheduled ?? [])
    await stdout.line(`${formatScheduled(change)}; cancel it with clerk cancel ${change.name}`);
  if (response.outdated) await stdout.line('Replace outdated instances with clerk reset NAME --rolling');
}
