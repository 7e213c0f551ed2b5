/**
 * Asks a registry and believes nothing unseen: the answer's form is checked, links are walked, and the time it may be
 * used is the shortest of all arcs. A registry that is late, fails or talks nonsense is an error, never an empty list; it
 * is late when the whole look-up is.
 *
 * Look-ups that come to the same name share a question, and the answer is as old as that question. What was asked before
 * a look-up began, and has run out when it arrives, is asked again for it. @see promises C1.1
 */
import type { Answer, Resolver } from '../core/answer.js';
import { within, type Clock } from '../core/clock.js';
import { ClerkError, isClerkError, reasonOf } from '../core/errors.js';
import type { Arc, Registry, Resolution } from '../core/registry.js';
import { checkResolution, invalid, type Checked } from './resolution.js';

const mostLinks = 16;

/** What asking needs. */
export interface CheckingOptions {
  readonly clock: Clock;
  /** How long a look-up may take, over all links, and so each of its questions, in ms. */
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
  const isOver = ({ askedAt, askedWallAt }: Question, ttlMs: number): boolean =>
    clock.now() - askedAt >= ttlMs || clock.wallNow() - askedWallAt >= ttlMs;

  /** Follows links to the end, for as long as anybody waits. */
  const walk = async (name: string, suspects: ReadonlySet<string>, path: Path): Promise<Answer> => {
    const startedAt = clock.now();
    // Of a question that was under way already, the answer is as old as that question.
    let askedAt = startedAt;
    let askedWallAt = clock.wallNow();
    const trail: Arc[] = [];
    let canonical = name;
    let leastMs = Infinity;
    for (let hops = 0; hops <= mostLinks; hops++) {
      path.at = canonical;
      let question = askOnce(canonical, suspects);
      let checked = await question.checked;
      // It was sent before anybody asked here, and what it brought has run out: that was an answer for others.
      if (question.askedAt < startedAt && isOver(question, checked.ttlMs) && !path.givenUp) {
        question = askOnce(canonical, suspects);
        checked = await question.checked;
      }
      askedAt = Math.min(askedAt, question.askedAt);
      askedWallAt = Math.min(askedWallAt, question.askedWallAt);
      leastMs = Math.min(leastMs, checked.ttlMs);
      trail.push(...checked.trail);
      if (checked.kind !== 'link') {
        // An arc that is not promised at all is a hint, and lasts as long as the answer says.
        const promised = trail.map((arc) => arc.promiseMs).filter((ms) => ms > 0);
        const ttlMs = Math.min(leastMs, ...promised);
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
        throw invalid(name, `links in a circle: ${[...trail.map((arc) => arc.name), canonical].join(' → ')}`);
      if (path.givenUp) break;
    }
    throw invalid(name, `follows more than ${String(mostLinks)} links`);
  };
  return {
    resolve(name, { suspects }) {
      const path: Path = { at: name, givenUp: false };
      return within(clock, options.timeoutMs, walk(name, suspects, path), () => {
        path.givenUp = true;
        return unanswered(path.at === name ? name : `${path.at}, to which ${name} leads,`, options.timeoutMs);
      });
    },
  };
}

/** How far a look-up has come. */
interface Path {
  /** The name that is asked for now. */
  at: string;
  /** Nobody waits for it any more. */
  givenUp: boolean;
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
      registry.resolve(name, { signal: controller.signal, suspects, clock: options.clock }),
    );
    return await within(options.clock, options.timeoutMs, Promise.race([answer, closed]), () => {
      const error = unanswered(name, options.timeoutMs);
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

function unanswered(name: string, limitMs: number): ClerkError {
  return new ClerkError(
    'REGISTRY_UNREACHABLE',
    `The registry did not answer for ${name} within ${String(limitMs)} ms`,
  );
}
