/** Puts an advertisement together: what the program says, what the launcher gave, what the machine knows. */
import { ClerkError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import { onceAttribute } from '../wire/call-headers.js';
import type { LaunchLine } from '../wire/messages.js';
import type { Advertisement } from './advertisement.js';
import { InFlight } from './in-flight.js';
import { Launched } from './launched.js';
import { tellWithAnswers } from './load-headers.js';
import { aborted, addressesOf, isServer, type ServerLike } from './listening.js';
import { LoopMeter } from './loop-meter.js';
import { Office } from './office.js';
import { advertiseConfigOf, registriesOf, type AdvertiseConfig, type AdvertiseOptions } from './options.js';
import { OwnLoad } from './own-load.js';
import { receive } from './receiving.js';
import { Registration } from './registration.js';
import type { Surroundings } from './surroundings.js';
import { Terminations } from './terminations.js';

const defaultRegistry = 'http://127.0.0.1:4711';

/** Advertises services of one process. */
export class Advertising {
  readonly #around: Surroundings;
  readonly #launched: Launched;
  readonly #terminations: Terminations;
  readonly #meter: LoopMeter;
  /** One for each set of registry addresses, while somebody uses it. */
  readonly #offices = new Map<string, { readonly office: Office; users: number }>();

  constructor(surroundings: Surroundings) {
    this.#around = surroundings;
    this.#launched = new Launched(surroundings.process);
    this.#terminations = new Terminations(surroundings.process);
    this.#meter = new LoopMeter(surroundings.clock, surroundings.busyMs);
  }

  /** See {@link advertise}. */
  async advertise(options: AdvertiseOptions): Promise<Advertisement> {
    const config = advertiseConfigOf(options);
    // A start may wait for the registry, and a process that waits is not done.
    const held = this.#around.clock.setTimer(() => undefined, 2 ** 31 - 1);
    try {
      return await this.#begin(config);
    } finally {
      held.cancel();
    }
  }

  async #begin(config: AdvertiseConfig): Promise<Advertisement> {
    const { clock, hashing, retry, hostAddresses } = this.#around;
    const { signal } = config;
    const server = isServer(config.place) ? config.place : undefined;
    const inFlight = new InFlight(server);
    if (server !== undefined) receive(server, clock);
    const line = await this.#launched.line();
    const name = config.name ?? line?.name;
    if (name === undefined)
      throw new ClerkError('CONFIG_INVALID', "advertise() needs a name such as '/shop/orders'");
    const { guard } = config;
    await guard?.open();
    const launched = line && this.#launched.claim(line, name);
    const addresses = await addressesOf(config.place, hostAddresses, signal);
    if (signal?.aborted === true) throw aborted(signal);
    const id = launched?.instance ?? config.id ?? uuidOf(hashing.randomHex(16));
    // From here on calls may come that name this instance.
    guard?.instances.add(id, launched?.epoch);
    const registry = Object.freeze([...this.#registries(config, line)]);
    const [office, leave] = this.#office(registry);
    const load = this.#load(server, inFlight, config);
    const silence = server === undefined ? undefined : tellWithAnswers(server, load);
    let onOver = (): void => {
      silence?.();
      load.close();
      leave();
    };
    const registration = new Registration({
      clock,
      hashing,
      retry,
      logger: config.logger ?? this.#defaultLogger(),
      office,
      registry,
      inFlight,
      load,
      request: {
        name,
        id,
        addresses,
        leaseMs: config.leaseMs,
        host: config.host ?? clock.hostname(),
        zone: config.zone,
        version: config.version,
        weight: config.weight,
        attributes: {
          ...config.attributes,
          ...(guard && { [onceAttribute]: guard.scope ?? id }),
        },
      },
      launched,
      isIdOwn: launched === undefined && config.id === undefined,
      drainMs: config.drainMs,
      onOver: () => onOver(),
    });
    if (guard) registration.on('registered', ({ epoch }) => guard.instances.add(id, epoch));
    await registration.begin(signal);
    if (config.drainOnSignal) {
      const forget = this.#terminations.add(registration, config.exitAfterDrain);
      const over = onOver;
      onOver = () => {
        forget();
        over();
      };
    }
    return registration;
  }

  #load(server: ServerLike | undefined, inFlight: InFlight, config: AdvertiseConfig): OwnLoad {
    const { clock } = this.#around;
    const isHere = server !== undefined;
    return new OwnLoad({ clock, meter: this.#meter, inFlight, isHere, measures: config.measureLoad });
  }

  #registries(config: AdvertiseConfig, line: LaunchLine | undefined): readonly string[] {
    if (config.registry !== undefined) return config.registry;
    if (line !== undefined && line.registry.length > 0) return line.registry;
    const written = this.#around.process.env.CLERK_REGISTRY;
    return written === undefined || written === ''
      ? [defaultRegistry]
      : registriesOf(written, 'CLERK_REGISTRY');
  }

  /** The office for these addresses, and what ends its use. */
  #office(urls: readonly string[]): [Office, () => void] {
    const key = urls.join(' ');
    let shared = this.#offices.get(key);
    if (shared === undefined) {
      const { connect, clock } = this.#around;
      shared = { office: new Office(urls.map(connect), clock), users: 0 };
      this.#offices.set(key, shared);
    }
    const mine = shared;
    mine.users++;
    return [
      mine.office,
      () => {
        if (--mine.users > 0) return;
        this.#offices.delete(key);
        void mine.office.close();
      },
    ];
  }

  #defaultLogger(): Logger {
    const silent = (): void => undefined;
    const warn = (message: string): void => this.#around.process.warn(message);
    return { debug: silent, info: silent, warn, error: warn };
  }
}

/** Random bits in the form of a UUID of version 4. */
function uuidOf(hex: string): string {
  const variant = ((parseInt(hex.charAt(16), 16) & 3) | 8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
