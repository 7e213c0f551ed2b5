import { launchResponse } from '../protocol/response-schemas.js';
import type { CommandContext } from './command-context.js';
import { styled } from './output.js';
import { printEndpoints } from './print-endpoints.js';

export const startTimeoutMs = 60_000;

export async function requestStart(
  { client, stdout, stderr, json }: CommandContext,
  path: string,
  request: { readonly name: string; readonly waitMs?: number; readonly rolling?: boolean },
  progress: string,
): Promise<void> {
  if (stderr.isTerminal) await stderr.line(styled('faint', progress));
  const launch = await client.post(path, launchResponse, request);
  if (json) return stdout.json(launch);
  await stdout.line(launch.started ? `Started ${launch.name}` : `${launch.name} was already running`);
  if (launch.endpoints.length > 0) await printEndpoints(stdout, launch.endpoints);
}
