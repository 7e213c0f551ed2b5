import type { RandomStream } from './random-stream.js';
import { restoreKinds, type RestoreKind } from './server/restore-kind.js';

/** What a seed draws before the simulation starts. */
export interface Scenario {
  /** Set when the registry is the bundled server; undefined for the simulated registry. */
  readonly server: ServerScenario | undefined;
  /** No fault of an endpoint or of the network: only habits of callers and services, and faults of the registry. */
  readonly isHarmless: boolean;
  /** Only faults under which retryable calls must succeed. */
  readonly isSurvivable: boolean;
  readonly clerks: number;
  readonly services: readonly string[];
  /** A service without endpoints that clients can start. */
  readonly startable: string | undefined;
  readonly launchFailures: number;
  /** Lifetime of resolutions, in ms; undefined: the clerk's default of 5,000. */
  readonly ttlMs: number | undefined;
  /** The lifetime is given as `guaranteedMs`, with a longer `ttlMs`. */
  readonly usesGuarantee: boolean;
  /** A link whose target changes between the services. */
  readonly link: string | undefined;
  /** Endpoints have two addresses, and the first is unreachable. */
  readonly hasDeadFirstAddress: boolean;
  readonly watches: boolean;
  readonly registryMs: number;
  readonly latencyMs: number;
  readonly connections: number;
  /** Many calls in a short time, which exhaust the retry budget, and more failures at the end. */
  readonly storm: boolean;
  readonly faultPeriodMs: number;
  readonly calls: number;
  /** A few calls in a few seconds, without the convergence check: ten in the time of a full simulation. */
  readonly isShort: boolean;
}

/** What only simulations with the bundled server have. */
export interface ServerScenario {
  readonly leaseMs: number;
  /** Guarantee of every service and of the link, in ms. */
  readonly guaranteedMs: number;
  /** Fields of the manifest of startable services. */
  readonly manifest: { readonly idleStopMs: number | undefined; readonly maxInstances: number };
  /** Set when an older copy replaces the data of the registry. */
  readonly restore: RestoreKind | undefined;
}

/** Length of a simulation: with all faults and convergence, a few seconds, or with calls at a steady rate. */
export type SimulationForm = 'full' | 'brief' | 'steady';

export function drawScenario(
  random: RandomStream,
  ofServer: RandomStream,
  isHarmless: boolean,
  form: SimulationForm,
): Scenario {
  const whole = { ...drawFullScenario(random, ofServer), isHarmless };
  if (form === 'full') return whole;
  if (form === 'steady') return steadyScenario(whole);
  return {
    ...whole,
    isShort: true,
    server: undefined,
    clerks: 1,
    services: ['/w/s0'],
    link: undefined,
    storm: false,
    faultPeriodMs: random.between(1_000, 4_000),
    calls: random.int(10, 30),
  };
}

/** One clerk and one service. Its endpoints, faults and calls are those of the incident. */
function steadyScenario(whole: Scenario): Scenario {
  return {
    ...whole,
    isShort: true,
    isHarmless: true,
    isSurvivable: false,
    server: undefined,
    clerks: 1,
    services: ['/w/s0'],
    startable: undefined,
    link: undefined,
    hasDeadFirstAddress: false,
    ttlMs: undefined,
    connections: 64,
    latencyMs: whole.latencyMs / 5,
    storm: false,
    faultPeriodMs: 0,
    calls: 0,
  };
}

function drawFullScenario(random: RandomStream, ofServer: RandomStream): Omit<Scenario, 'isHarmless'> {
  const gentle = random.chance(0.2);
  const storm = !gentle && random.chance(0.08);
  const count = storm ? 1 : random.one([1, 1, 2, 3]);
  const isServed = ofServer.chance(0.5) && !storm;
  const served = {
    // A service that could not reach the server retries within 5 s; a shorter lease may expire before.
    leaseMs: gentle ? 10_000 : ofServer.one([1_000, 1_000, 2_000, 3_000, 5_000, 10_000]),
    guaranteedMs: ofServer.one([0, 200, 1_000, 5_000, 5_000]),
    manifest: { idleStopMs: ofServer.one([undefined, 1_500, 3_000]), maxInstances: ofServer.one([1, 3]) },
    restore: ofServer.chance(0.2) ? ofServer.one(restoreKinds) : undefined,
  };
  return {
    server: isServed ? served : undefined,
    isSurvivable: gentle,
    clerks: storm ? 1 : random.one([1, 1, 2, 3, 5]),
    services: Array.from({ length: count }, (_, i) => `/w/s${i}`),
    startable: !storm && random.chance(0.25) ? '/w/f' : undefined,
    launchFailures: random.one([0, 0.2, 0.8]),
    ttlMs: random.one([undefined, 0, 5, 200, 1_000, 5_000, 30_000]),
    usesGuarantee: random.chance(0.3),
    link: !gentle && random.chance(0.25) ? '/w/link' : undefined,
    hasDeadFirstAddress: random.chance(0.2),
    watches: random.chance(0.4),
    registryMs: random.between(0.2, 10),
    latencyMs: random.between(0.1, 5),
    connections: random.one([1, 2, 8, 64]),
    storm,
    faultPeriodMs: storm ? random.between(3_000, 9_000) : random.between(5_000, 20_000),
    calls: storm ? random.int(200, 350) : random.int(20, 70),
    isShort: false,
  };
}
