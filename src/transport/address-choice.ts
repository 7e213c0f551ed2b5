import type { Address } from '../core/address.js';

/**
 * Chooses the address of an endpoint for new connections. The first address is used until a dial of that address fails.
 * After a failed dial, the first address whose dial has not failed since the last connection is used. An address stays
 * in use while its dials succeed.
 */
export class AddressChoice {
  readonly #addresses: readonly Address[];
  readonly #failed = new Set<Address>();
  #index = 0;

  /** @param addresses - at least one */
  constructor(addresses: readonly Address[]) {
    this.#addresses = addresses;
  }

  get current(): Address {
    return this.#addresses[this.#index] as Address;
  }

  /** Whether a dial of each address has failed since the last connection. */
  get isExhausted(): boolean {
    return this.#failed.size === this.#addresses.length;
  }

  /** Called after a failed dial of `address`. Returns whether another address should be dialed. */
  onDialFailed(address: Address): boolean {
    this.#failed.add(address);
    if (!this.#failed.has(this.current)) return this.#addresses.length > 1;
    const next = this.#addresses.findIndex((each) => !this.#failed.has(each));
    this.#index = Math.max(0, next);
    return next >= 0;
  }

  onConnected(): void {
    this.#failed.clear();
  }

  /** @param index - index of an address that has answered */
  select(index: number): void {
    this.#index = index;
  }
}
