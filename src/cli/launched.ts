/** What is said of a service that was started. */
import type { Context } from './command.js';
import { printEndpoints } from './endpoint-table.js';
import { launchReply } from './replies.js';

/** For how long a start may take unless `--timeout` says otherwise, in ms. */
export const startTimeoutMs = 60_000;
/** The registry says why it took too long; this much later nobody believes that it still will, in ms. */
export const answerGraceMs = 2_000;

/** Tells of a start. */
export async function tellLaunched({ out, json }: Context, reply: unknown): Promise<void> {
  const launched = launchReply(reply, '');
  if (json) return out.json(launched);
  await out.line(launched.started ? `Started ${launched.name}` : `${launched.name} was running`);
  if (launched.endpoints.length > 0) await printEndpoints(out, launched.endpoints);
}
