/** Answers, and a resolver that answers when it is told to. */
import type { Answer, Resolver } from '../../src/core/answer.js';
import type { Clock } from '../../src/core/clock.js';
import { toEndpoint } from '../../src/core/endpoint.js';
import { settled } from '../support/clock.js';

/** An answer to a question that is asked now. */
export function answerOf(
  clock: Clock,
  more: Partial<Answer> & { readonly ids?: readonly string[] } = {},
): Answer {
  const { ids = ['a'], ...rest } = more;
  const name = rest.name ?? '/x';
  return Object.freeze({
    kind: 'bound',
    name,
    canonical: name,
    endpoints: ids.map((id) => toEndpoint({ id, address: `http://${id}:80` }, 'a test')),
    policy: undefined,
    trail: [],
    revision: '',
    incarnation: '',
    ttlMs: 5_000,
    askedAt: clock.now(),
    askedWallAt: clock.wallNow(),
    stale: false,
    ...rest,
  });
}

/** A question that waits for its answer. */
export interface Question {
  readonly name: string;
  readonly suspects: readonly string[];
  readonly askedAt: number;
  /** Answers, as of when it was asked. */
  answer(more?: Parameters<typeof answerOf>[1]): Promise<void>;
  fail(error: Error): Promise<void>;
}

/** A resolver whose questions are answered by hand. */
export class Asked implements Resolver {
  readonly questions: Question[] = [];

  constructor(readonly clock: Clock) {}

  resolve(name: string, { suspects }: { readonly suspects: ReadonlySet<string> }): Promise<Answer> {
    const [askedAt, askedWallAt] = [this.clock.now(), this.clock.wallNow()];
    return new Promise((resolve, reject) => {
      this.questions.push({
        name,
        suspects: [...suspects],
        askedAt,
        answer: async (more) => {
          resolve(answerOf(this.clock, { name, askedAt, askedWallAt, ...more }));
          await settled();
        },
        fail: async (error) => {
          reject(error);
          await settled();
        },
      });
    });
  }

  /** The newest question. */
  get last(): Question {
    const last = this.questions.at(-1);
    if (last === undefined) throw new Error('Nothing was asked');
    return last;
  }
}

/** What became of a promise so far. */
export async function stateOf<T>(promise: Promise<T>): Promise<T | Error | 'pending'> {
  return Promise.race([
    promise.catch((error: unknown) => error as Error),
    settled().then(() => 'pending' as const),
  ]);
}
