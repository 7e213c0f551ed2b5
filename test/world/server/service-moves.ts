import type { FakeRuntime } from 'binding-clerk/testing';
import { isClerkError } from '../../../src/core/errors.js';
import type { MoveRequest } from '../../../src/protocol/naming-messages.js';
import { paths } from '../../../src/protocol/paths.js';
import type { CoverageMark } from '../coverage.js';
import type { RandomStream } from '../random-stream.js';
import { otherNameOf } from './moved-name.js';

export interface ServiceMovesOptions {
  readonly runtime: FakeRuntime;
  readonly random: RandomStream;
  /** Services that may move. */
  readonly services: readonly string[];
  readonly canonicalOf: (name: string) => string;
  /** Sends a request of an operator to the server; rejects on an error response. */
  readonly sendOperatorRequest: (path: string, body: object) => Promise<void>;
  readonly isOver: () => boolean;
  readonly mark: (mark: CoverageMark) => void;
  readonly log: (line: string) => void;
}

/**
 * An operator moves services to another name and back while clerks call them by their first names. Nothing that a clerk or a
 * service does may fail because of a move.
 *
 * @see [C1.2](../../../docs/guarantees.md#c1-2)
 */
export class ServiceMoves {
  readonly #options: ServiceMovesOptions;

  constructor(options: ServiceMovesOptions) {
    this.#options = options;
  }

  /** Moves a service now and then, until it is over. The next move begins after the end of the last one. */
  schedule(): void {
    const { runtime, random, isOver } = this.#options;
    const next = (): void => {
      if (isOver()) return;
      void this.#move(random.one(this.#options.services)).then(
        () => void runtime.setTimer(next, random.between(200, 6_000)),
      );
    };
    runtime.setTimer(next, random.between(100, 4_000));
  }

  async #move(service: string): Promise<void> {
    const { canonicalOf, sendOperatorRequest, mark, log } = this.#options;
    const from = canonicalOf(service);
    const request: MoveRequest = { from, to: otherNameOf(from) };
    log(`the operator moves ${from} to ${request.to}`);
    try {
      await sendOperatorRequest(paths.move, request);
      mark(from === service ? 'moved' : 'moved-back');
    } catch (error) {
      if (!isClerkError(error)) throw error;
      // The disk, the network or the server may have failed, and a scheduled change freezes the name.
      log(`the move of ${from} fails: ${error.message}`);
    }
  }
}
