import type { CommandContext } from './command-context.js';
import { printEndpoints } from './print-endpoints.js';
import { decodeLaunch } from './decode-responses.js';

/** Default value of `--timeout` for commands that start a service, in ms. */
export const startTimeoutMs = 60_000;
/**
 * Time that the client waits beyond `--timeout`, in ms, so that the registry can report that a start has timed out.
 */
export const responseGraceMs = 2_000;

/** Prints the response of the registry to a request to start a service. */
export async function printLaunch({ stdout, json }: CommandContext, response: unknown): Promise<void> {
  const launch = decodeLaunch(response, '');
  if (json) return stdout.json(launch);
  await stdout.line(launch.started ? `Started ${launch.name}` : `${launch.name} was already running`);
  if (launch.endpoints.length > 0) await printEndpoints(stdout, launch.endpoints);
}
