import type { RandomStream } from '../random-stream.js';
import type { CallMethod } from '../call-method.js';
import type { HeaderForm } from './header-form.js';
import { drawRoute, routeKinds, usualRoute, type Route, type RouteKind } from './route.js';

/** What programs and services do in a simulation besides the usual, without any fault of an endpoint. */
export const habitKinds = [
  ...routeKinds.map((kind) => `route-${kind}` as const),
  'caller-nests',
  'caller-reuses-headers',
  'caller-aborts-anytime',
  'caller-holds-body',
  'probe-fails',
  'probe-slow',
] as const;

/** `probe-silent`: endpoints answer no probe. Only in steady simulations, where enough calls arrive to take the place of probes. */
export type HabitKind = (typeof habitKinds)[number] | 'probe-silent';

/**
 * When a caller aborts: before the call, after the call has returned its promise, when an attempt is dispatched, sent or
 * answered, or after the call has ended.
 */
export const abortInstants = ['before', 'returned', 'dispatched', 'sent', 'answered', 'ended'] as const;

export type AbortInstant = (typeof abortInstants)[number];

/** How a program makes one call. */
export interface CallManner {
  readonly method: CallMethod;
  readonly route: Route;
  readonly headerForm: HeaderForm;
  readonly abortsAt: AbortInstant | undefined;
  /** The body can be sent only once. */
  readonly sendsStream: boolean;
}

/** The usual manner, for calls that check convergence. */
export const usualManner: Omit<CallManner, 'method'> = {
  route: usualRoute,
  headerForm: 'record',
  abortsAt: undefined,
  sendsStream: false,
};

/**
 * Draws the habits of a simulation. Independent of its faults, so that each can occur without the other.
 *
 * @param isHarmless - whether the simulation has no fault of an endpoint; it then has a habit at least
 */
export function drawHabits(random: RandomStream, isHarmless: boolean): HabitKind[] {
  return random.some(habitKinds, random.int(isHarmless ? 1 : 0, 4));
}

/** The habits of one simulation. */
export class CallerHabits {
  readonly #strengths = new Map<HabitKind, number>();
  readonly routes: readonly Route[];

  constructor(
    readonly random: RandomStream,
    kinds: readonly HabitKind[],
  ) {
    for (const kind of kinds) this.#strengths.set(kind, random.uniform());
    this.routes = [...this.#strengths.keys()]
      .filter((kind) => kind.startsWith('route-'))
      .map((kind) => drawRoute(kind.slice('route-'.length) as RouteKind, random));
  }

  get kinds(): readonly HabitKind[] {
    return [...this.#strengths.keys()];
  }

  has(kind: HabitKind): boolean {
    return this.#strengths.has(kind);
  }

  /** The route that serves paths with a first segment. Several routes may serve one segment. */
  routesOf(segment: string): Route[] {
    return this.routes.filter((route) => route.segment === segment);
  }

  /** Whether a caller follows a habit now. */
  follows(kind: HabitKind): boolean {
    const strength = this.#strengths.get(kind);
    return strength !== undefined && this.random.chance(0.1 + 0.6 * strength);
  }

  /**
   * Draws how a program makes a call.
   *
   * @param routeShare - share of calls that do not use the usual route, if there is another one
   */
  drawManner(method: CallMethod, routeShare = 0.6): CallManner {
    const { random } = this;
    const route = this.routes.length > 0 && random.chance(routeShare) ? random.one(this.routes) : usualRoute;
    return {
      // A held body must be readable as a stream.
      method: route.kind === 'held' && method === 'json' ? 'request' : this.#vary(method),
      route,
      headerForm: this.follows('caller-reuses-headers')
        ? random.one(['shared', 'map-entries', 'generator', 'headers', 'flat'])
        : 'record',
      abortsAt: this.follows('caller-aborts-anytime') ? random.one(abortInstants) : undefined,
      sendsStream: random.chance(0.1),
    };
  }

  #vary(method: CallMethod): CallMethod {
    if (method !== 'request') return method;
    const drawn = this.random.uniform();
    return drawn < 0.05 ? 'fetch' : drawn < 0.2 ? 'dispatch' : method;
  }
}
