import { parseAddress, type Address, type AddressString } from './address.js';
import { describeValue, quote } from './describe-value.js';
import { checkCert, checkKeys } from './endpoint-keys.js';
import { ClerkError, errorMessage } from './errors.js';
import { isObject } from './is-object.js';
import type { KeyPin } from './key-pin.js';
import { loadError, type LoadInit } from './load-report.js';

/** One running server of a service. Immutable; a `Candidate` adds the health and load of the endpoint. */
export interface Endpoint {
  /** Instance id, never reused for another instance. @see [Naming N8](../../docs/background.md#n8) */
  readonly id: string;
  /**
   * Fencing number of the endpoint's registration; 0 if the registry assigns none. A registration never replaces a
   * registration with the same id and a higher epoch. @see [C5.6](../../docs/guarantees.md#c5-6)
   */
  readonly epoch: number;
  /**
   * Incarnation of the registry that assigned {@link Endpoint.epoch}; undefined when unknown. Epochs of different
   * incarnations cannot be compared.
   */
  readonly incarnation: string | undefined;
  /** The address that this client uses: the first of {@link Endpoint.addresses} that it can reach. */
  readonly address: AddressString;
  /** All addresses, in order of preference. @see [DEC C7](../../docs/background.md#arch-c7) (protocol tower) */
  readonly addresses: readonly AddressString[];
  /**
   * Share of calls relative to other endpoints, 0 to 1,000. An endpoint with weight 0 is used only if no endpoint with
   * a positive weight is available. A registry server limits the weight to ten times the median weight of the service.
   */
  readonly weight: number;
  /**
   * The {@link Endpoint.addresses} that the service found on its network interfaces. Several hosts may have the same
   * address, such as that of a container bridge. A client on another host therefore skips an enumerated address if its
   * own host has the same address.
   */
  readonly enumeratedAddresses: readonly AddressString[];
  /**
   * Whether the endpoint can answer a request for its instance id. A client then makes this request on each new
   * connection, except over loopback and unix sockets. The client does not use a connection to another instance.
   */
  readonly namesInstance: boolean;
  /** Name of the host that the endpoint runs on; undefined when unknown. */
  readonly host: string | undefined;
  /**
   * Identity of the endpoint's host: boot id and network namespace; undefined when unknown. Programs with the same
   * identity share loopback. Host names are compared only if an identity is unknown, because several hosts may have
   * the same name.
   */
  readonly hostId: string | undefined;
  /** Zone that the endpoint runs in; undefined when unknown. */
  readonly zone: string | undefined;
  /** Version of the service that the endpoint runs; undefined when unknown. */
  readonly version: string | undefined;
  /** State in the registry. `draining` and `suspect` endpoints are used only if no `up` endpoint is available. */
  readonly state: 'up' | 'draining' | 'suspect';
  /** Labels that the program chooses. */
  readonly attributes: Readonly<Record<string, string>>;
  /**
   * Keys of which the endpoint must prove one on each connection, before a byte of a request is sent. During a
   * rotation, the new and the former key. Empty: the endpoint need not prove a key.
   */
  readonly keys: readonly KeyPin[];
  /** Certificate of the first key: DER in base64. Undefined when unknown. */
  readonly cert: string | undefined;
}

const maxWeight = 1_000;

/** An endpoint as a program or a registry passes it to the clerk. */
export interface EndpointInit {
  /** The only address of the endpoint. Set either `address` or `addresses`. */
  readonly address?: AddressString | URL;
  /** The addresses of the endpoint, 1 to 16, in order of preference. */
  readonly addresses?: readonly (AddressString | URL)[];
  /** Instance id, 1–128 printable ASCII characters without spaces. Default: the first address. */
  readonly id?: string;
  /** Fencing number of the registration, see {@link Endpoint.epoch}; integer ≥ 0. Default 0. */
  readonly epoch?: number;
  /**
   * Set by registries: see {@link Endpoint.incarnation}; 1 to 64 lower-case letters and digits. Default: unknown.
   */
  readonly incarnation?: string;
  /** Share of calls, see {@link Endpoint.weight}; 0 to 1,000. Default 1. */
  readonly weight?: number;
  /** Semantic version of the service that the endpoint runs. Default: unknown. */
  readonly version?: string;
  /** See {@link Endpoint.enumeratedAddresses}. Default: none. */
  readonly enumeratedAddresses?: readonly AddressString[];
  /** See {@link Endpoint.namesInstance}. Default false. */
  readonly namesInstance?: boolean;
  /**
   * Host of the endpoint. Default: this host if an address is a Unix socket or loopback address, otherwise unknown.
   */
  readonly host?: string;
  /** Identity of the host, see {@link Endpoint.hostId}. Default: unknown. */
  readonly hostId?: string;
  /** Zone that the endpoint runs in. Default: unknown. */
  readonly zone?: string;
  /** Labels that the program chooses. */
  readonly attributes?: Readonly<Record<string, string>>;
  /** Set by registries: duration of the registration without a renewal, in ms, above 0. */
  readonly leaseMs?: number;
  /** Set by registries: the last load that the endpoint reported. */
  readonly load?: LoadInit & {
    /** Age of the load, in ms, ≥ 0. Default 0. */
    readonly ageMs?: number;
  };
  /** State in the registry, see {@link Endpoint.state}. Default `up`. */
  readonly state?: 'up' | 'draining' | 'suspect';
  /** Key that the endpoint must prove, see {@link Endpoint.keys}. Default: none. */
  readonly key?: KeyPin;
  /** A second key that the endpoint may prove during a rotation. Only together with `key`. Default: none. */
  readonly formerKey?: KeyPin;
  /** Certificate of `key`: DER in base64. Default: unknown. */
  readonly cert?: string;
}

const knownKeys = new Set([
  'address',
  'addresses',
  'id',
  'epoch',
  'incarnation',
  'weight',
  'version',
  'enumeratedAddresses',
  'namesInstance',
  'host',
  'hostId',
  'zone',
  'attributes',
  'leaseMs',
  'load',
  'state',
  'key',
  'formerKey',
  'cert',
]);

/**
 * Validates an address or an {@link EndpointInit}.
 *
 * @param where - name of the service, for error messages
 * @returns the endpoint, frozen
 * @throws {@link ClerkError} `CONFIG_INVALID` when a value is missing or out of range, or a field is unknown.
 */
export function toEndpoint(input: unknown, where: string): Endpoint {
  const init: unknown = typeof input === 'string' || input instanceof URL ? { address: input } : input;
  if (!isObject(init))
    throw endpointError(
      where,
      `must be an address, or an object with an address; got ${describeValue(input)}`,
    );
  for (const key of Object.keys(init)) {
    if (!knownKeys.has(key))
      throw endpointError(
        where,
        `has the unknown field ${quote(key)}; known fields are ${[...knownKeys].join(', ')}`,
      );
  }
  const parsed = parseAddresses(init, where);
  const first = parsed[0] as Address;
  const { weight = 1, attributes = {}, leaseMs, namesInstance = false } = init;
  const id = init.id ?? first.text;
  const epoch = init.epoch ?? 0;
  const { incarnation } = init;
  const state = init.state ?? 'up';
  check(
    typeof id === 'string' && /^[\x21-\x7e]{1,128}$/.test(id),
    where,
    'an id (default: the first address) of 1 to 128 printable ASCII characters without spaces',
    id,
  );
  check(
    typeof weight === 'number' && weight >= 0 && weight <= maxWeight,
    where,
    'a weight from 0 to 1000',
    weight,
  );
  check(
    typeof epoch === 'number' && Number.isSafeInteger(epoch) && epoch >= 0,
    where,
    'an integer epoch ≥ 0',
    epoch,
  );
  check(
    incarnation === undefined || (typeof incarnation === 'string' && /^[0-9a-z]{1,64}$/.test(incarnation)),
    where,
    'an incarnation of 1 to 64 lower-case letters and digits',
    incarnation,
  );
  check(
    state === 'up' || state === 'draining' || state === 'suspect',
    where,
    "the state 'up', 'draining' or 'suspect'",
    state,
  );
  check(
    leaseMs === undefined || (typeof leaseMs === 'number' && leaseMs > 0),
    where,
    'a leaseMs > 0',
    leaseMs,
  );
  check(typeof namesInstance === 'boolean', where, 'true or false as namesInstance', namesInstance);
  if (init.load !== undefined) checkLoad(init.load, where);
  return Object.freeze({
    id,
    epoch,
    incarnation,
    address: first.text,
    addresses: Object.freeze(parsed.map(({ text }) => text)),
    // The addition turns -0 into 0.
    weight: weight + 0,
    enumeratedAddresses: checkEnumerated(init.enumeratedAddresses, parsed, where),
    namesInstance,
    host: checkLabel(init, 'host', where),
    hostId: checkLabel(init, 'hostId', where),
    zone: checkLabel(init, 'zone', where),
    version: checkLabel(init, 'version', where),
    state,
    attributes: checkAttributes(attributes, where),
    keys: checkKeys(init.key, init.formerKey, where),
    cert: checkCert(init.cert, where),
  });
}

function parseAddresses({ address, addresses }: Record<string, unknown>, where: string): Address[] {
  if (address !== undefined && addresses !== undefined)
    throw endpointError(where, "must have either 'address' or 'addresses'; got both");
  const list: unknown = addresses ?? (address === undefined ? undefined : [address]);
  if (!Array.isArray(list) || list.length === 0 || list.length > 16)
    throw endpointError(where, "must have 'address', or 'addresses' with 1 to 16 entries");
  return Array.from(list as unknown[], (text) => {
    try {
      return parseAddress(text);
    } catch (error) {
      throw endpointError(where, `has an invalid address: ${errorMessage(error)}`, error);
    }
  });
}

const noAddresses: readonly AddressString[] = Object.freeze([]);

function checkEnumerated(
  value: unknown,
  addresses: readonly Address[],
  where: string,
): readonly AddressString[] {
  if (value === undefined || (Array.isArray(value) && value.length === 0)) return noAddresses;
  const texts = addresses.map(({ text }) => text);
  check(
    Array.isArray(value) && value.every((text) => texts.includes(text as string)),
    where,
    'enumeratedAddresses that are all among its addresses',
    value,
  );
  return Object.freeze([...(value as string[])]);
}

function checkLoad(load: unknown, where: string): void {
  const problem = loadError(load);
  if (problem !== undefined) throw endpointError(where, `has an invalid load: ${problem}`);
  const { ageMs = 0 } = load as { readonly ageMs?: unknown };
  check(typeof ageMs === 'number' && ageMs >= 0, where, 'a load with ageMs ≥ 0', ageMs);
}

function checkLabel(init: Record<string, unknown>, key: string, where: string): string | undefined {
  const value = init[key];
  if (value === undefined) return undefined;
  check(
    typeof value === 'string' && value !== '' && value.length <= 253,
    where,
    `a ${key} of 1 to 253 characters`,
    value,
  );
  return value;
}

function checkAttributes(value: unknown, where: string): Readonly<Record<string, string>> {
  check(isObject(value), where, 'an object as attributes', value);
  const result = Object.create(null) as Record<string, string>;
  for (const [key, text] of Object.entries(value)) {
    check(typeof text === 'string', where, `a string as attribute ${quote(key)}`, text);
    result[key] = text;
  }
  return Object.freeze(result);
}

function check(isValid: boolean, where: string, requirement: string, value: unknown): asserts isValid {
  if (!isValid) throw endpointError(where, `must have ${requirement}; got ${describeValue(value)}`);
}

function endpointError(where: string, problem: string, cause?: unknown): ClerkError {
  return new ClerkError('CONFIG_INVALID', `Endpoint of ${where} ${problem}`, { cause });
}
