/** What a seed draws before anything happens. */
import type { RandomStream } from './random-stream.js';

export interface Scenario {
  /** The registry is the real server; undefined: a port of the test's own. */
  readonly server: ServerScenario | undefined;
  /** Only faults that calls must survive. */
  readonly isSurvivable: boolean;
  readonly clerks: number;
  readonly services: readonly string[];
  /** A service that nobody runs and that programs can start. */
  readonly startable: string | undefined;
  readonly launchFailures: number;
  /** How long the registry's answers may be used; undefined leaves it to the clerk's default of 5 s. */
  readonly ttlMs: number | undefined;
  /** That time is a promise, beside a longer time of the registry's own. */
  readonly usesGuarantee: boolean;
  /** A name that stands for one of the services, now this and now that. */
  readonly link: string | undefined;
  /** Endpoints have a second address, and the first leads nowhere. */
  readonly hasDeadFirstAddress: boolean;
  readonly watches: boolean;
  readonly registryMs: number;
  readonly latencyMs: number;
  readonly connections: number;
  /** Many calls in a short time, enough to spend a budget, and trouble once more at the end. */
  readonly storm: boolean;
  readonly faultPeriodMs: number;
  readonly calls: number;
  /** A few calls in a few seconds of trouble, and no minute of rest after it: many such worlds in the time of one. */
  readonly isShort: boolean;
}

/** What only the real server and its services have. */
export interface ServerScenario {
  readonly leaseMs: number;
  /** Of every service and of the link. */
  readonly guaranteedMs: number;
}

export function drawScenario(random: RandomStream, ofServer: RandomStream, brief: boolean): Scenario {
  const whole = drawFullScenario(random, ofServer);
  if (!brief) return whole;
  return {
    ...whole,
    isShort: brief,
    server: undefined,
    clerks: 1,
    services: ['/w/s0'],
    link: undefined,
    storm: false,
    faultPeriodMs: random.between(1_000, 4_000),
    calls: random.int(10, 30),
  };
}

function drawFullScenario(random: RandomStream, ofServer: RandomStream): Scenario {
  const gentle = random.chance(0.2);
  const storm = !gentle && random.chance(0.08);
  const count = storm ? 1 : random.one([1, 1, 2, 3]);
  const isServed = ofServer.chance(0.5) && !storm;
  const served = {
    // A holder that could not reach the server comes back after up to 5 s: a shorter lease may be over by then.
    leaseMs: gentle ? 10_000 : ofServer.one([1_000, 1_000, 2_000, 3_000, 5_000, 10_000]),
    guaranteedMs: ofServer.one([0, 200, 1_000, 5_000, 5_000]),
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
