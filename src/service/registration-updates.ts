import type { Clock } from '../core/clock.js';
import { definedFields } from '../core/defined-fields.js';
import { errorMessage } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import type { RegisterResponse } from '../protocol/registration-messages.js';
import { AddressUpdates, type AddressUpdatesOptions } from './address-updates.js';
import type { RegistrationRequest } from './instance-registration.js';
import { StartingEndpoint, type StartingEndpointOptions } from './starting-endpoint.js';

export interface RegistrationUpdatesOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly request: RegistrationRequest;
  readonly readAddresses: AddressUpdatesOptions['read'];
  readonly acceptsConnection: StartingEndpointOptions['acceptsConnection'];
  /** Sends a changed registration to the registry. */
  readonly send: (request: RegistrationRequest) => Promise<RegisterResponse>;
  readonly isRegistered: () => boolean;
  /** Aborts when the advertisement ends. */
  readonly endSignal: AbortSignal;
}

/** What a service registers: its addresses, and whether it is starting. Changes are sent one after the other. */
export class RegistrationUpdates {
  readonly #options: RegistrationUpdatesOptions;
  readonly #label: string;
  readonly #addresses: AddressUpdates;
  readonly #starting: StartingEndpoint;
  #requestedState: RegistrationRequest['state'];
  #name: string;
  #isRegisteredAsStarting = false;
  /** Incarnation that has accepted the last registration. */
  #incarnation = '';
  #isRestoring = false;
  #lastUpdate: Promise<void> = Promise.resolve();

  constructor(options: RegistrationUpdatesOptions) {
    this.#options = options;
    const { request, readAddresses, logger } = options;
    const label = `${request.name} (${request.id})`;
    this.#label = label;
    this.#name = request.name;
    this.#starting = new StartingEndpoint({ ...options, label, addresses: () => this.addresses });
    this.#addresses = new AddressUpdates({
      label,
      initial: definedFields({
        addresses: request.addresses,
        enumeratedAddresses: request.enumeratedAddresses,
      }),
      read: readAddresses,
      logger,
    });
  }

  /** The name under which the service registers. Changes when the service was moved. */
  get name(): string {
    return this.#name;
  }

  set name(name: string) {
    this.#name = name;
  }

  get addresses(): readonly string[] {
    return this.#addresses.current.addresses;
  }

  /** Whether the last accepted registration was in the state `starting`. */
  get isRegisteredAsStarting(): boolean {
    return this.#isRegisteredAsStarting;
  }

  /** Checks whether the service is starting. Never rejects. */
  checkStarting(): Promise<void> {
    return this.#starting.check(this.#options.endSignal);
  }

  /** Waits until a starting service accepts connections, then registers it as up. Never rejects. */
  untilUp(): Promise<void> {
    return this.#starting.untilUp(this.#options.endSignal, () => this.#registerAsUp());
  }

  /** The registration to be sent now. */
  currentRequest(): RegistrationRequest {
    const { addresses: _, enumeratedAddresses: _enumerated, ...fixed } = this.#options.request;
    this.#requestedState = this.#starting.isStarting ? 'starting' : undefined;
    return {
      ...fixed,
      name: this.#name,
      ...this.#addresses.refresh(),
      ...definedFields({ state: this.#requestedState }),
    };
  }

  /** Called when the registry has accepted the last {@link RegistrationUpdates.currentRequest}. */
  onRegistered({ incarnation }: RegisterResponse): void {
    this.#isRegisteredAsStarting = this.#requestedState === 'starting';
    this.#incarnation = incarnation;
  }

  /** Sends the registration again if the addresses have changed, or if the registry has a new incarnation. */
  onRenewed(incarnation: string): void {
    if (incarnation === this.#incarnation) this.#sendChangedAddresses();
    else void this.#sendToRestored();
  }

  /** Registers again, because a registry with a new incarnation may have an older copy of the registration. */
  async #sendToRestored(): Promise<void> {
    if (this.#isRestoring) return;
    this.#isRestoring = true;
    try {
      await this.sendAgain();
    } catch (error) {
      if (!this.#options.endSignal.aborted)
        this.#options.logger.warn(
          `The data of the registry were lost or replaced by a copy, and the registry did not accept another registration of ${this.#label}: ${errorMessage(error)}; the service sends the registration again with the next renewal of its lease`,
        );
    } finally {
      this.#isRestoring = false;
    }
  }

  #sendChangedAddresses(): void {
    void this.#addresses.sendChange(async () => {
      try {
        await this.sendAgain();
      } catch (error) {
        if (!this.#options.endSignal.aborted) throw error;
      }
    });
  }

  sendAgain(): Promise<void> {
    const send = async (): Promise<void> => {
      const request = this.currentRequest();
      const { incarnation } = await this.#options.send(request);
      this.#isRegisteredAsStarting = request.state === 'starting';
      this.#incarnation = incarnation;
    };
    this.#lastUpdate = this.#lastUpdate.then(send, send);
    return this.#lastUpdate;
  }

  /** Returns whether the registry has accepted a registration that is not in the state `starting`. */
  async #registerAsUp(): Promise<boolean> {
    // After a lost lease, the service registers again by itself. Until it has registered, the caller retries.
    if (!this.#options.isRegistered()) return false;
    if (this.#isRegisteredAsStarting) await this.sendAgain();
    return true;
  }
}
