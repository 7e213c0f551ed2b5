import type { Clock } from '../core/clock.js';
import { definedFields } from '../core/defined-fields.js';
import type { RegisterRequest } from '../protocol/registration-messages.js';
import { canNameInstance } from './instance-naming.js';
import { hostInAddress, type AdvertiseConfig } from './options.js';
import {
  addressesOf,
  isServer,
  type AddressSource,
  type AdvertisedAddresses,
  type ServerLike,
} from './server-addresses.js';

type Place = Pick<RegisterRequest, 'addresses' | 'enumeratedAddresses' | 'namesInstance' | 'host' | 'hostId'>;

/** Where a service runs, and how clients reach the service. */
export class ServicePlace {
  readonly registration: Place;
  readonly namesInstance: boolean;
  readonly #serverOrAddress: AdvertiseConfig['serverOrAddress'];
  readonly #source: AddressSource;

  /**
   * @param sharesListener - whether other instances may answer at the same listener; if true, the server answers no
   * instance checks
   * @throws {@link ClerkError} `CONFIG_INVALID` when an address or the stated host is invalid
   */
  constructor(
    { serverOrAddress, host }: Pick<AdvertiseConfig, 'serverOrAddress' | 'host'>,
    clock: Pick<Clock, 'hostname' | 'hostId' | 'hostAddresses'>,
    env: Readonly<Record<string, string | undefined>>,
    sharesListener: (server: ServerLike) => boolean = () => false,
  ) {
    const server = isServer(serverOrAddress) ? serverOrAddress : undefined;
    const fromEnvironment = hostInAddress(env.CLERK_ADVERTISE_HOST || undefined, '$CLERK_ADVERTISE_HOST');
    this.#serverOrAddress = serverOrAddress;
    this.#source = {
      hostAddresses: () => clock.hostAddresses(),
      statedHost: server && (host ?? fromEnvironment)?.replace(/^\[(.*)\]$/, '$1'),
    };
    this.namesInstance = server !== undefined && canNameInstance(server) && !sharesListener(server);
    const hostname = clock.hostname();
    const hostLabel = server === undefined ? (host ?? hostname) : hostname;
    this.registration = {
      ...this.#read(),
      ...(this.namesInstance && { namesInstance: true }),
      host: hostLabel,
      // A program may advertise an endpoint of another host. The id of that host is not known, so it is not sent.
      ...(hostLabel === hostname && definedFields({ hostId: clock.hostId() })),
    };
  }

  readAddresses(): Pick<Place, 'addresses' | 'enumeratedAddresses'> | undefined {
    if (isServer(this.#serverOrAddress) && !this.#serverOrAddress.listening) return undefined;
    return this.#read();
  }

  #read(): Pick<Place, 'addresses' | 'enumeratedAddresses'> {
    const { addresses, enumeratedAddresses }: AdvertisedAddresses = addressesOf(
      this.#serverOrAddress,
      this.#source,
    );
    return { addresses, ...(enumeratedAddresses.length > 0 && { enumeratedAddresses }) };
  }
}
