import type { MemoryRequest, ServerReply } from 'binding-clerk/testing';
import type { Coverage } from '../coverage.js';
import type { RandomStream } from '../random-stream.js';
import type { Replica } from '../replicas.js';
import type { CallerHabits } from './caller-habits.js';

/** How long a probe takes with the habit `probe-slow`, in ms. */
const slowProbeMs = 600;

/** What the route of a request adds to the reply of a server. Probes have a route of their own. */
export function drawRouteReply(
  habits: CallerHabits,
  random: RandomStream,
  { serviceMs, slowMs }: Replica,
  { path, isProbe }: MemoryRequest,
  coverage: Coverage,
): ServerReply {
  if (isProbe) return drawProbeReply(habits, serviceMs + slowMs, coverage);
  const segment = path.slice(1, path.indexOf('/', 1));
  for (const route of habits.routesOf(segment)) {
    const reply = route.draw(random, serviceMs + slowMs);
    if (reply === undefined) continue;
    if (route.kind !== 'usual') coverage.hit(`habit:route-${route.kind}`);
    return reply;
  }
  return {};
}

function drawProbeReply(habits: CallerHabits, usualMs: number, coverage: Coverage): ServerReply {
  const isFailing = habits.has('probe-fails');
  const isSlow = habits.has('probe-slow');
  const isSilent = habits.has('probe-silent');
  if (isFailing) coverage.hit('habit:probe-fails');
  if (isSlow) coverage.hit('habit:probe-slow');
  return {
    ...(isFailing && { statusCode: 500 }),
    ...(isSilent && { behavior: 'hang' }),
    ...(isSlow && { delayMs: usualMs + slowProbeMs }),
  };
}
