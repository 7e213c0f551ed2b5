import type { ClerkContext } from '../client/clerk-context.js';
import type { Clock } from '../core/clock.js';
import type { Endpoint } from '../core/endpoint.js';
import type { ServiceTicket, TicketSource } from '../core/service-ticket.js';

/** The ticket for one service. Endpoints without keys get no ticket. */
export class ServiceTickets {
  readonly #source: TicketSource | undefined;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #canonical: () => string;
  #isNeeded = false;
  /** The last ticket of the source. Kept here, because a call needs the ticket several times. */
  #last: ServiceTicket | undefined;
  #lastVersion = 0;
  #lastCanonical = '';

  /** @param canonical - returns the canonical name, or the bound name before the first lookup */
  constructor({ tickets, clock }: Pick<ClerkContext, 'tickets' | 'clock'>, canonical: () => string) {
    this.#source = tickets;
    this.#clock = clock;
    this.#canonical = canonical;
  }

  /** Called when the endpoints of the service have changed. */
  update(endpoints: readonly Endpoint[]): void {
    this.#isNeeded = this.#source !== undefined && endpoints.some(({ keys }) => keys.length > 0);
  }

  /** Whether calls can be sent. False while calls must wait for a ticket. */
  get isReady(): boolean {
    return !this.#isNeeded || this.#valid() !== undefined;
  }

  /** @throws {@link ClerkError} when the registry refuses the ticket or does not respond */
  async prepare(): Promise<void> {
    if (this.#isNeeded) await this.#source?.get(this.#canonical());
  }

  textFor({ keys }: Endpoint): string | undefined {
    return keys.length === 0 ? undefined : this.#valid()?.text;
  }

  /**
   * Called when an endpoint has refused a ticket. Returns undefined when no other ticket can be tried now.
   * @param refused - the refused ticket; undefined when the request had no ticket
   */
  renew({ keys }: Endpoint, refused: string | undefined): Promise<void> | undefined {
    if (keys.length === 0 || this.#source?.discard(this.#canonical(), refused) !== true) return undefined;
    return this.prepare();
  }

  /** Time until the ticket expires, in ms; undefined without a ticket. */
  expiresInMs(now: number): number | undefined {
    const ticket = this.#isNeeded ? this.#valid() : undefined;
    return ticket && Math.max(0, ticket.expiresAt - now);
  }

  #valid(): ServiceTicket | undefined {
    const source = this.#source;
    if (source === undefined) return undefined;
    const last = this.#last;
    const canonical = this.#canonical();
    if (
      last !== undefined &&
      canonical === this.#lastCanonical &&
      source.version === this.#lastVersion &&
      this.#clock.now() < last.freshUntil
    )
      return last;
    this.#lastCanonical = canonical;
    this.#lastVersion = source.version;
    this.#last = source.cached(canonical);
    return this.#last;
  }
}
