/** What is said of a service that was started. */
import type { CommandContext } from './command-context.js';
import { printEndpoints } from './print-endpoints.js';
import { decodeLaunch } from './decode-responses.js';

/** For how long a start may take unless `--timeout` says otherwise, in ms. */
export const startTimeoutMs = 60_000;
/** The registry says why it took too long; this much later nobody believes that it still will, in ms. */
export const responseGraceMs = 2_000;

/** Tells of a start. */
export async function printLaunch({ stdout, json }: CommandContext, reply: unknown): Promise<void> {
  const launch = decodeLaunch(reply, '');
  if (json) return stdout.json(launch);
  await stdout.line(launch.started ? `Started ${launch.name}` : `${launch.name} was running`);
  if (launch.endpoints.length > 0) await printEndpoints(stdout, launch.endpoints);
}
