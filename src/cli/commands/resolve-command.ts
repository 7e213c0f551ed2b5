import { definedFields } from '../../core/defined-fields.js';
import type { ResolveResponse } from '../../protocol/lookup-messages.js';
import { defineCommand, type CommandContext } from '../command-context.js';
import { printEndpoints } from '../print-endpoints.js';
import { parseNameArgument } from '../parse-name.js';
import { styled, type Output } from '../output.js';
import { formatDuration, joinFacts } from '../format.js';
import { formatScheduled } from '../format-scheduled.js';
import { formatAttemptTimeout, formatRetries } from '../retry-option-parsers.js';

export const addResolveCommand = defineCommand({
  usage: 'resolve <name>',
  summary: 'resolve a name',
  description:
    'Resolve a name: show the links followed, the settings of the service, how long the settings are guaranteed, and all endpoints, including those in the state `starting`, which clients do not call. A service without endpoints is a valid result.',
  examples: [
    ['clerk resolve /shop/orders', 'the endpoints of the service'],
    ["clerk resolve /shop/orders --json | jq -r '.endpoints[].addresses[0]'", 'only the addresses'],
  ],
  run: resolve,
});

async function resolve({ registry, stdout, json, clock }: CommandContext, name: string): Promise<void> {
  const requestedAt = clock.now();
  const response = await registry.resolve(parseNameArgument(name));
  const ageMs = Math.round((clock.now() - requestedAt) * 1_000) / 1_000;
  if (!json) return print(stdout, response, ageMs);
  const { canonical, kind, path, policy, timeoutMs, attemptTimeoutMs, retries } = response;
  const { revision, guaranteedMs, starting = [] } = response;
  const endpoints = [...response.endpoints, ...starting];
  const config = { policy, timeoutMs, attemptTimeoutMs, retries };
  const validity = { revision, guaranteedMs, usableMs: usableMsOf(response), ageMs, stale: false };
  const proved = endpoints.length > 0 && endpoints.every(({ key }) => key !== undefined);
  return stdout.json({
    name: response.name,
    canonical,
    kind,
    path,
    endpoints,
    proved,
    ...config,
    ...validity,
    ...definedFields({ scheduled: response.scheduled }),
  });
}

/** Returns how long a client uses the result without another lookup. */
function usableMsOf({ guaranteedMs, ttlMs }: ResolveResponse): number {
  return guaranteedMs > 0 ? Math.min(ttlMs, guaranteedMs) : ttlMs;
}

async function print(stdout: Output, response: ResolveResponse, ageMs: number): Promise<void> {
  const { name, canonical, kind, path, policy, timeoutMs, attemptTimeoutMs, retries } = response;
  const { revision, guaranteedMs, launchable, healthQueried = [], starting = [] } = response;
  const endpoints = [...response.endpoints, ...starting];
  const usableMs = usableMsOf(response);
  const links = path.filter((step) => step.kind === 'link').map((step) => step.name);
  const hops = links.length > 0 ? [...links, canonical] : name === canonical ? [name] : [name, canonical];
  await stdout.line(styled('strong', hops.join(' → ')), '  ', styled('faint', kind));
  const facts = joinFacts(
    policy !== null && `policy ${policy}`,
    timeoutMs !== undefined && `call timeout ${formatDuration(timeoutMs)}`,
    attemptTimeoutMs !== undefined && `attempt timeout ${formatAttemptTimeout(attemptTimeoutMs)}`,
    retries !== undefined && `retries ${formatRetries(retries)}`,
    launchable && 'started on demand',
    guaranteedMs > 0 ? `guaranteed for ${formatDuration(guaranteedMs)}` : 'not guaranteed',
    usableMs !== guaranteedMs && `usable for ${formatDuration(usableMs)}`,
    `revision ${revision}`,
    `looked up ${formatDuration(ageMs)} ago`,
  );
  await stdout.line(styled('faint', facts));
  for (const change of response.scheduled ?? [])
    await stdout.line(styled('warning', formatScheduled(change)));
  if (kind === 'group')
    return stdout.line(`List the members of ${canonical} with clerk group ls ${canonical}`);
  if (kind === 'directory')
    return stdout.line(`List the names below ${canonical} with clerk ls '${canonical}/**'`);
  if (endpoints.length === 0)
    return stdout.line(
      styled('warning', launchable ? 'No endpoints; the next call starts the service' : 'No endpoints'),
    );
  await stdout.line('');
  await printEndpoints(stdout, endpoints);
  if (healthQueried.length === 0) return;
  await stdout.line('');
  await stdout.line(styled('warning', `Reported unreachable: ${healthQueried.join(', ')}`));
}
