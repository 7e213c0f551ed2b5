import type { ClerkContext } from '../client/clerk-context.js';
import type { Endpoint } from '../core/endpoint.js';

/** The ticket for one service. Endpoints without keys get no ticket. */
export class ServiceTickets {
  readonly #source: ClerkContext['tickets'];
  readonly #canonical: () => string;
  #isNeeded = false;

  /** @param canonical - returns the canonical name, once it is known */
  constructor({ tickets }: Pick<ClerkContext, 'tickets'>, canonical: () => string) {
    this.#source = tickets;
    this.#canonical = canonical;
  }

  /** Called when the endpoints of the service have changed. */
  update(endpoints: readonly Endpoint[]): void {
    this.#isNeeded = this.#source !== undefined && endpoints.some(({ keys }) => keys.length > 0);
  }

  /** False while calls must wait for a ticket. */
  get isReady(): boolean {
    return !this.#isNeeded || this.#source?.cached(this.#canonical()) !== undefined;
  }

  /** @throws {@link ClerkError} when the registry refuses the ticket or does not respond */
  async prepare(): Promise<void> {
    if (this.#isNeeded) await this.#source?.get(this.#canonical());
  }

  textFor({ keys }: Endpoint): string | undefined {
    return keys.length === 0 ? undefined : this.#source?.cached(this.#canonical())?.text;
  }

  /**
   * Called when an endpoint has refused a ticket. Returns undefined when no other ticket can be tried now.
   * @param refused - undefined when the request had no ticket
   */
  renew({ keys }: Endpoint, refused: string | undefined): Promise<void> | undefined {
    if (keys.length === 0 || this.#source?.discard(this.#canonical(), refused) !== true) return undefined;
    return this.prepare();
  }

  /** Time until the ticket expires, in ms; undefined without a ticket. */
  expiresInMs(now: number): number | undefined {
    const ticket = this.#isNeeded ? this.#source?.cached(this.#canonical()) : undefined;
    return ticket && Math.max(0, ticket.expiresAt - now);
  }
}
