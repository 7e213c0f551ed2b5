import type { LaunchResponse } from '../protocol/launch-messages.js';
import type { CommandContext } from './command-context.js';
import { styled } from './output.js';
import { printEndpoints } from './print-endpoints.js';

export const startTimeoutMs = 60_000;

/** @param start - sends the request; called after `progress` was printed */
export async function requestStart(
  { stdout, stderr, json }: CommandContext,
  start: () => Promise<LaunchResponse>,
  progress: string,
): Promise<void> {
  if (stderr.isTerminal) await stderr.line(styled('faint', progress));
  const launch = await start();
  if (json) return stdout.json(launch);
  await stdout.line(launch.started ? `Started ${launch.name}` : `${launch.name} was already running`);
  if (launch.endpoints.length > 0) await printEndpoints(stdout, launch.endpoints);
}
