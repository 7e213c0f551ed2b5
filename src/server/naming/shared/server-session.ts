import { errorMessage, ClerkError } from '../../../core/errors.js';
import type { Timer } from '../../../core/clock.js';
import type { Logger } from '../../../core/logger.js';
import type { LogSession, SharedLog } from '../../shared-log.js';
import type { Freshness, Instant } from './freshness.js';
import type { ReplicaRuntime } from './log-replica.js';

/** Time that a session lasts after its last renewal, in ms. */
export const sessionMs = 12_000;
/** Time that a server uses a session after its last renewal, in ms. Less than `sessionMs`, because clocks differ. */
const usableMs = 0.9 * sessionMs;
const renewMs = sessionMs / 6;
const retryMs = sessionMs / 24;

export interface SessionOptions {
  readonly log: SharedLog;
  readonly runtime: ReplicaRuntime;
  readonly freshness: Freshness;
  readonly server: string;
  readonly logger: Logger | undefined;
  /** Writes the session id of this server to the log. Resolves when the write and all earlier changes are applied. */
  readonly announce: (session: string) => Promise<void>;
  /** Called when a new session follows a gap in which no endpoint could renew its lease at this server. */
  readonly onRegained: () => void;
}

/**
 * The session of this server in the database. It shows other servers that this server is alive. While the session is
 * valid, no other server expires leases that are renewed at this server. After a gap, the server first writes a new
 * session to the log. With this write, the server reads all expiries by other servers.
 *
 * @see [C5.2](../../../../docs/guarantees.md#c5-2)
 */
export class ServerSession {
  readonly #options: SessionOptions;
  #session: LogSession | undefined;
  #renewedAt: Instant | undefined;
  #opened = 0;
  #refreshing: Promise<void> | undefined;
  #failure: { readonly error: unknown; readonly at: number } | undefined;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  get isValid(): boolean {
    return this.#invalidForMs < 0;
  }

  /** Opens the session, and renews it every 2 s. */
  async start(): Promise<void> {
    await this.#refresh();
    this.#schedule(renewMs);
  }

  /** @throws {@link ClerkError} `REGISTRY_UNREACHABLE` when the session cannot be renewed */
  async ensure(): Promise<void> {
    if (this.isValid) return;
    const { runtime, log } = this.#options;
    let cause = this.#failure?.error;
    if (this.#failure === undefined || runtime.now() - this.#failure.at >= retryMs)
      try {
        await this.#refresh();
        return;
      } catch (error) {
        cause = error;
      }
    throw new ClerkError(
      'REGISTRY_UNREACHABLE',
      `This server cannot renew leases, because it cannot reach ${log.subject}: ${errorMessage(cause)}; renew the leases at another server, or retry later`,
      { cause, remainingMs: retryMs },
    );
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#refreshing?.catch(() => undefined);
    await this.#session?.close().catch(() => undefined);
    this.#session = undefined;
    this.#renewedAt = undefined;
  }

  /** Negative while the session is valid. */
  get #invalidForMs(): number {
    if (this.#renewedAt === undefined) return Infinity;
    const { at, wallAt } = this.#options.freshness.instant();
    return Math.max(at - this.#renewedAt.at, wallAt - this.#renewedAt.wallAt) - usableMs;
  }

  #schedule(delayMs: number): void {
    if (this.#isClosed) return;
    this.#timer = this.#options.runtime.setTimer(() => {
      this.#refresh().then(
        () => this.#schedule(renewMs),
        () => this.#schedule(retryMs),
      );
    }, delayMs);
    this.#timer.setRef(false);
  }

  #refresh(): Promise<void> {
    this.#refreshing ??= this.#renewOrOpen()
      .then(
        () => (this.#failure = undefined),
        (error: unknown) => {
          this.#failure = { error, at: this.#options.runtime.now() };
          throw error;
        },
      )
      .then(() => (this.#refreshing = undefined))
      .catch((error: unknown) => {
        this.#refreshing = undefined;
        throw error;
      });
    return this.#refreshing;
  }

  async #renewOrOpen(): Promise<void> {
    const { log, server, freshness, announce, logger } = this.#options;
    const sentAt = freshness.instant();
    if (this.#session !== undefined) {
      if (await this.#session.renew()) {
        this.#validate(sentAt);
        return;
      }
      logger?.warn(
        `The session of this server in ${log.subject} has expired, and the server opens a new one; check the network to the database, and whether this process was paused`,
      );
      this.#session = undefined;
    }
    const id = `${server}-s${(++this.#opened).toString(36)}`;
    const openedAt = freshness.instant();
    const session = await log.openSession(id, sessionMs);
    await announce(id);
    if (this.#isClosed) {
      await session.close();
      return;
    }
    this.#session = session;
    this.#validate(openedAt);
  }

  #validate(renewedAt: Instant): void {
    const gapMs = this.#invalidForMs;
    this.#renewedAt = renewedAt;
    if (gapMs > 0 && Number.isFinite(gapMs)) this.#options.onRegained();
  }
}
