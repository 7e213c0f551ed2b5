import type { ServerReply } from 'binding-clerk/testing';
import type { RandomStream } from '../random-stream.js';
import { refusedResponseCount, refusedResponseHeader } from './refused-response.js';

/** All kinds of routes besides the usual one. The fault `route-<kind>` fires when a request of that route is handled. */
export const routeKinds = ['slow', 'tail', 'mixed', 'failing', 'unreadable', 'held'] as const;

export type RouteKind = (typeof routeKinds)[number];

/** One route of a service. All endpoints serve it in the same way. */
export interface Route {
  /** First segment of its paths. */
  readonly segment: string;
  readonly kind: RouteKind | 'usual';
  /** Draws what the route adds to the reply to one request. Undefined: nothing. */
  draw(random: RandomStream, serviceMs: number): ServerReply | undefined;
}

/** The route of most calls. */
export const usualRoute: Route = { segment: 'x', kind: 'usual', draw: () => undefined };

/** A route on which no habit acts. */
export const calmRoute: Route = { segment: 'calm', kind: 'usual', draw: () => undefined };

/**
 * Draws a route.
 *
 * - `slow` takes a fixed time of 0.3 to 7 s
 * - `tail` has latencies of a Pareto distribution, up to 8 s
 * - `mixed` has the path of the usual route, and a few of its requests take a long time
 * - `failing` has the same failure status at every endpoint
 * - `unreadable` sends responses that undici's parser refuses, always or now and then
 * - `held` sends the head at once and the end of the body after seconds, like an event stream
 */
export function drawRoute(kind: RouteKind, random: RandomStream): Route {
  switch (kind) {
    case 'slow': {
      const ms = random.one([300, 600, 600, 1_500, 3_000, 4_000, 7_000]);
      return { segment: 'slow', kind, draw: (_, serviceMs) => ({ delayMs: serviceMs + ms }) };
    }
    case 'tail': {
      const scaleMs = random.between(2, 80);
      const shape = random.between(0.7, 1.5);
      const draw = (each: RandomStream, serviceMs: number): ServerReply => ({
        delayMs: serviceMs + Math.min(8_000, scaleMs * (1 - each.uniform()) ** (-1 / shape)),
      });
      return { segment: 'tail', kind, draw };
    }
    case 'mixed': {
      const share = random.one([0.02, 0.1, 0.3]);
      const ms = random.one([300, 600, 2_000, 4_000]);
      const draw = (each: RandomStream, serviceMs: number): ServerReply | undefined =>
        each.chance(share) ? { delayMs: serviceMs + ms } : undefined;
      return { segment: usualRoute.segment, kind, draw };
    }
    case 'failing': {
      const statusCode = random.one([500, 500, 502, 503, 504, 400, 404, 409]);
      return { segment: 'failing', kind, draw: () => ({ statusCode }) };
    }
    case 'unreadable': {
      const share = random.one([0.1, 0.5, 1]);
      const which = random.int(0, refusedResponseCount - 1);
      const draw = (each: RandomStream): ServerReply | undefined =>
        each.chance(share) ? { headers: { [refusedResponseHeader]: String(which) } } : undefined;
      return { segment: random.one(['unreadable', usualRoute.segment]), kind, draw };
    }
    case 'held': {
      const bodyDelayMs = random.one([500, 2_000, 6_000]);
      return { segment: 'held', kind, draw: () => ({ bodyDelayMs }) };
    }
  }
}
