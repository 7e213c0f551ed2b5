/**
 * Asks a registry and believes nothing unseen: the answer's form is checked, links are walked, and the time it may be
 * used is the shortest of all arcs. A registry that is late, fails or talks nonsense is an error, never an empty list.
 */
import type { Answer, Resolver } from '../core/answer.js';
import { within, type Clock } from '../core/clock.js';
import { toEndpoint, type Endpoint } from '../core/endpoint.js';
import { ClerkError, isClerkError, reasonOf } from '../core/errors.js';
import { parseName } from '../core/name.js';
import type { Arc, Registry, Resolution } from '../core/registry.js';
import { shown } from '../core/shown.js';

const defaultTtlMs = 5_000;
const negativeTtlMs = 1_000;
const mostNegativeTtlMs = 5_000;
const mostLinks = 16;
const mostEndpoints = 100_000;
const mostArcs = 1_024;

/** What asking needs. */
export interface CheckingOptions {
  readonly clock: Clock;
  /** How long one question may take, in ms. */
  readonly timeoutMs: number;
  /** Aborted when the clerk is closed. */
  readonly signal: AbortSignal;
}

/** A resolver over a registry of any kind. */
export function checking(registry: Registry, options: CheckingOptions): Resolver {
  const { clock } = options;
  const questions = new Map<string, Question>();
  /** One question a name at a time, whoever asks and whichever link led there. */
  const askOnce = (name: string, suspects: ReadonlySet<string>): Question => {
    let question = questions.get(name);
    if (question === undefined) {
      const askedAt = clock.now();
      const askedWallAt = clock.wallNow();
      const checked = ask(registry, name, suspects, options)
        .then((resolution) => checkedOf(resolution, name))
        .finally(() => questions.delete(name));
      question = { askedAt, askedWallAt, checked };
      questions.set(name, question);
    }
    return question;
  };
  return {
    async resolve(name, { suspects }) {
      // Of a question that was under way already, the answer is as old as that question.
      let askedAt = clock.now();
      let askedWallAt = clock.wallNow();
      const trail: Arc[] = [];
      let canonical = name;
      for (let hops = 0; hops <= mostLinks; hops++) {
        const question = askOnce(canonical, suspects);
        askedAt = Math.min(askedAt, question.askedAt);
        askedWallAt = Math.min(askedWallAt, question.askedWallAt);
        const checked = await question.checked;
        trail.push(...checked.trail);
        if (checked.kind !== 'link') {
          const ttlMs = Math.min(checked.ttlMs, ...trail.map((arc) => arc.promiseMs));
          return Object.freeze({
            ...checked,
            kind: checked.kind,
            name,
            ttlMs,
            trail: Object.freeze(trail),
            askedAt,
            askedWallAt,
            stale: false,
          });
        }
        canonical = checked.canonical;
        if (trail.some((arc) => arc.name === canonical))
          throw invalid(
            name,
            `links in a circle: ${[...trail.map((arc) => arc.name), canonical].join(' → ')}`,
          );
      }
      throw invalid(name, `follows more than ${String(mostLinks)} links`);
    },
  };
}

/** A question that is under way, and when it was sent. */
interface Question {
  readonly askedAt: number;
  readonly askedWallAt: number;
  readonly checked: Promise<Checked>;
}

/** Whatever goes wrong in reading an answer is the fault of whoever gave it. */
function checkedOf(resolution: unknown, name: string): Checked {
  try {
    return checkResolution(resolution, name);
  } catch (error) {
    throw isClerkError(error) ? error : invalid(name, `cannot be read: ${reasonOf(error)}`, error);
  }
}

/** Asks once, within the time that a question may take. */
async function ask(
  registry: Registry,
  name: string,
  suspects: ReadonlySet<string>,
  options: CheckingOptions,
): Promise<Resolution> {
  const controller = new AbortController();
  const closed = new Promise<never>((_resolve, reject) => {
    controller.signal.addEventListener('abort', () => reject(controller.signal.reason as Error));
  });
  closed.catch(() => undefined);
  const stop = (): void =>
    controller.abort(new ClerkError('CLOSED', `The clerk was closed while ${name} was looked up`));
  if (options.signal.aborted) stop();
  else options.signal.addEventListener('abort', stop);
  try {
    const answer = Promise.resolve().then(() =>
      registry.resolve(name, { signal: controller.signal, suspects }),
    );
    return await within(options.clock, options.timeoutMs, Promise.race([answer, closed]), () => {
      const error = new ClerkError(
        'REGISTRY_UNREACHABLE',
        `The registry did not answer for ${name} within ${String(options.timeoutMs)} ms`,
      );
      controller.abort(error);
      return error;
    });
  } catch (error) {
    if (isClerkError(error)) throw error;
    throw new ClerkError(
      'REGISTRY_UNREACHABLE',
      `The registry failed to answer for ${name}: ${reasonOf(error)}`,
      { cause: error },
    );
  } finally {
    options.signal.removeEventListener('abort', stop);
  }
}

/** What a checked resolution comes down to. */
type Checked = Omit<Answer, 'kind' | 'name' | 'askedAt' | 'askedWallAt' | 'stale'> & {
  readonly kind: 'bound' | 'absent' | 'link';
};

/**
 * Checks what a registry returned.
 *
 * @throws {@link ClerkError} `REGISTRY_INVALID`, saying what is wrong with it
 */
export function checkResolution(resolution: unknown, name: string): Checked {
  if (typeof resolution !== 'object' || resolution === null)
    throw invalid(name, `is ${resolution === null ? 'null' : typeof resolution}, not an object with a kind`);
  const raw = resolution as Partial<Record<string, unknown>>;
  const revision = textOf(raw, 'revision', name);
  const incarnation = textOf(raw, 'incarnation', name);
  switch (raw.kind) {
    case 'absent': {
      const ttlMs = Math.min(mostNegativeTtlMs, timeOf(raw, 'ttlMs', name) ?? negativeTtlMs);
      return {
        kind: 'absent',
        canonical: name,
        endpoints: [],
        policy: undefined,
        trail: [],
        revision,
        incarnation,
        ttlMs,
      };
    }
    case 'link': {
      const target = nameOf(raw.target, name, 'target');
      const promiseMs = Math.min(
        timeOf(raw, 'ttlMs', name) ?? defaultTtlMs,
        timeOf(raw, 'promiseMs', name) ?? Infinity,
      );
      return {
        kind: 'link',
        canonical: target,
        endpoints: [],
        policy: undefined,
        trail: [{ name, kind: 'link', promiseMs }],
        revision,
        incarnation,
        ttlMs: promiseMs,
      };
    }
    case 'bound': {
      const endpoints = endpointsOf(raw.endpoints, name);
      const promiseMs = timeOf(raw, 'promiseMs', name);
      const asked = Math.min(
        timeOf(raw, 'ttlMs', name) ?? (promiseMs === undefined ? defaultTtlMs : Infinity),
        promiseMs ?? Infinity,
      );
      // Nobody there is believed for as long as nothing there would be. @see promises C1.5
      const ttlMs = endpoints.length === 0 ? Math.min(asked, negativeTtlMs) : asked;
      const canonical = raw.canonical === undefined ? name : nameOf(raw.canonical, name, 'canonical name');
      return {
        kind: 'bound',
        canonical,
        endpoints,
        policy: textOf(raw, 'policy', name) || undefined,
        trail: trailOf(raw.trail, name, ttlMs),
        revision,
        incarnation,
        ttlMs,
      };
    }
    default:
      throw invalid(name, `has the kind ${shown(raw.kind)}; 'bound', 'link' and 'absent' are known`);
  }
}

function endpointsOf(list: unknown, name: string): readonly Endpoint[] {
  if (!Array.isArray(list))
    throw invalid(name, 'has no list of endpoints; an empty list says that nobody runs it');
  if (list.length > mostEndpoints)
    throw invalid(name, `has ${String(list.length)} endpoints; ${String(mostEndpoints)} is the most`);
  const seen = new Set<string>();
  try {
    return Object.freeze(
      // Unlike map, this sees holes.
      Array.from(list, (item: unknown) => {
        const endpoint = toEndpoint(item, name);
        if (seen.has(endpoint.id)) throw invalid(name, `names the instance '${endpoint.id}' twice`);
        seen.add(endpoint.id);
        return endpoint;
      }),
    );
  } catch (error) {
    if (isClerkError(error) && error.code === 'REGISTRY_INVALID') throw error;
    throw invalid(name, `has an endpoint that cannot be used: ${reasonOf(error)}`, error);
  }
}

function trailOf(value: unknown, name: string, promiseMs: number): readonly Arc[] {
  if (value === undefined) return [{ name, kind: 'service', promiseMs }];
  if (!Array.isArray(value)) throw invalid(name, 'has a trail that is no list');
  if (value.length > mostArcs)
    throw invalid(name, `has ${String(value.length)} arcs in its trail; ${String(mostArcs)} is the most`);
  return Array.from(value, (item: unknown) => {
    const arc = (typeof item === 'object' && item !== null ? item : {}) as Partial<Record<string, unknown>>;
    const kind = arc.kind;
    if (kind !== 'service' && kind !== 'link' && kind !== 'mount' && kind !== 'directory')
      throw invalid(name, 'has an arc of unknown kind in its trail');
    return {
      name: nameOf(arc.name, name, 'name in its trail'),
      kind,
      promiseMs: timeOf(arc, 'promiseMs', name) ?? promiseMs,
    };
  });
}

function nameOf(value: unknown, name: string, what: string): string {
  try {
    return parseName(value);
  } catch (error) {
    throw invalid(name, `has a ${what} that is no name: ${reasonOf(error)}`, error);
  }
}

function timeOf(raw: Partial<Record<string, unknown>>, key: string, name: string): number | undefined {
  const value = raw[key];
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || Number.isNaN(value) || value < 0)
    throw invalid(name, `has a ${key} that is no number of ms ≥ 0`);
  return value;
}

function textOf(raw: Partial<Record<string, unknown>>, key: string, name: string): string {
  const value = raw[key];
  if (value === undefined) return '';
  if (typeof value !== 'string') throw invalid(name, `has a ${key} that is no string`);
  return value;
}

function invalid(name: string, what: string, cause?: unknown): ClerkError {
  return new ClerkError(
    'REGISTRY_INVALID',
    `The registry's answer for ${name} ${what}`,
    cause === undefined ? {} : { cause },
  );
}
