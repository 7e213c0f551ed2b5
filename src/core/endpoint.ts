import { parseAddress, type Address, type AddressString } from './address.js';
import { describeValue, quote } from './describe-value.js';
import { ClerkError, errorMessage } from './errors.js';
import { loadError, type LoadInit } from './load-report.js';

/** One running server of a service. Immutable; a `Candidate` adds the health and load of the endpoint. */
export interface Endpoint {
  /**
   * Instance id, never reused for another instance. This client stores health, load and suspect flag of an endpoint by
   * this id. @see [Naming N8](../../docs/background.md#n8)
   */
  readonly id: string;
  /**
   * Fencing number of the registration: a registration never replaces a registration of the same id with a higher
   * number. 0 when the registry assigns no fencing numbers. @see [C5.6](../../docs/guarantees.md#c5-6)
   */
  readonly epoch: number;
  /** The address in use: the first of {@link Endpoint.addresses} that this client can reach. */
  readonly address: AddressString;
  /**
   * All addresses of the endpoint, in order of preference. @see [DEC C7](../../docs/background.md#arch-c7) (protocol
   * tower)
   */
  readonly addresses: readonly AddressString[];
  /**
   * Share of calls relative to other endpoints, ≥ 0. An endpoint with weight 0 is used only when no endpoint with a
   * positive weight is left.
   */
  readonly weight: number;
  /** Host that the endpoint runs on; undefined when unknown. */
  readonly host: string | undefined;
  /** Zone that the endpoint runs in; undefined when unknown. */
  readonly zone: string | undefined;
  /** Version of the service that the endpoint runs; undefined when unknown. */
  readonly version: string | undefined;
  /** State in the registry. `draining` and `suspect` endpoints are used only when no `up` endpoint is left. */
  readonly state: 'up' | 'draining' | 'suspect';
  /** Labels with names and values chosen by the program. */
  readonly attributes: Readonly<Record<string, string>>;
}

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
  /** Share of calls relative to other endpoints; finite, ≥ 0. Default 1. */
  readonly weight?: number;
  /** Semantic version of the service that the endpoint runs. */
  readonly version?: string;
  /** Host that the endpoint runs on. Default: this host for Unix sockets and loopback addresses, else unknown. */
  readonly host?: string;
  /** Zone that the endpoint runs in. */
  readonly zone?: string;
  /** Labels with names and values chosen by the program. */
  readonly attributes?: Readonly<Record<string, string>>;
  /** Set by registries: how long the registration lasts without a renewal, in ms. */
  readonly leaseMs?: number;
  /** Set by registries: the last load that the endpoint reported. */
  readonly load?: LoadInit & {
    /** Age of the load, in ms, ≥ 0. Default 0. */
    readonly ageMs?: number;
  };
  /**
   * State in the registry. `draining` and `suspect` endpoints are used only when no `up` endpoint is left. Default
   * `up`.
   */
  readonly state?: 'up' | 'draining' | 'suspect';
}

const knownKeys = new Set([
  'address',
  'addresses',
  'id',
  'epoch',
  'weight',
  'version',
  'host',
  'zone',
  'attributes',
  'leaseMs',
  'load',
  'state',
]);

/**
 * Validates an endpoint.
 *
 * @param input - an address or an {@link EndpointInit}
 * @param where - the service, for error messages
 * @throws {@link ClerkError} `CONFIG_INVALID` when a value is missing or out of range, or a key is unknown.
 */
export function toEndpoint(input: unknown, where: string): Endpoint {
  const init: Record<string, unknown> =
    typeof input === 'string' || input instanceof URL
      ? { address: input }
      : typeof input === 'object' && input !== null && !Array.isArray(input)
        ? (input as Record<string, unknown>)
        : invalidEndpoint(
            where,
            `must be an address, or an object with an address; got ${describeValue(input)}`,
          );
  for (const key of Object.keys(init)) {
    if (!knownKeys.has(key))
      invalidEndpoint(
        where,
        `must not have the key ${quote(key)}; known keys are ${[...knownKeys].join(', ')}`,
      );
  }
  if (init.address !== undefined && init.addresses !== undefined)
    invalidEndpoint(where, "must have 'address' or 'addresses'; got both");
  const list: unknown = init.addresses ?? (init.address === undefined ? undefined : [init.address]);
  if (!Array.isArray(list) || list.length === 0 || list.length > 16)
    invalidEndpoint(where, "must have 'address', or 'addresses' with 1 to 16 entries");
  const parsed = Array.from(list as unknown[], (text) => parseEndpointAddress(text, where));
  const first = parsed[0] as Address;
  const id = init.id ?? first.text;
  if (typeof id !== 'string' || !/^[\x21-\x7e]{1,128}$/.test(id))
    invalidEndpoint(
      where,
      `must have an id of 1 to 128 printable ASCII characters without spaces; got ${describeValue(id)}; without an id, the first address is the id`,
    );
  const weight = init.weight === undefined ? 1 : init.weight;
  if (typeof weight !== 'number' || !Number.isFinite(weight) || weight < 0)
    invalidEndpoint(where, `must have a finite weight ≥ 0; got ${describeValue(weight)}`);
  const epoch = init.epoch ?? 0;
  if (typeof epoch !== 'number' || !Number.isSafeInteger(epoch) || epoch < 0)
    invalidEndpoint(where, `must have an integer epoch ≥ 0; got ${describeValue(epoch)}`);
  const state = init.state ?? 'up';
  if (state !== 'up' && state !== 'draining' && state !== 'suspect')
    invalidEndpoint(where, `must have the state 'up', 'draining' or 'suspect'; got ${describeValue(state)}`);
  const { leaseMs } = init;
  if (leaseMs !== undefined && (typeof leaseMs !== 'number' || !(leaseMs > 0)))
    invalidEndpoint(where, `must have a leaseMs > 0; got ${describeValue(leaseMs)}`);
  if (init.load !== undefined) checkLoad(init.load, where);
  return Object.freeze({
    id: id,
    epoch: epoch,
    address: first.text,
    addresses: Object.freeze(parsed.map((address) => address.text)),
    // The addition turns -0 into 0.
    weight: weight + 0,
    host: checkLabel(init.host, 'host', where),
    zone: checkLabel(init.zone, 'zone', where),
    version: checkLabel(init.version, 'version', where),
    state: state,
    attributes: checkAttributes(init.attributes, where),
  });
}

function checkLoad(load: unknown, where: string): void {
  const problem = loadError(load);
  if (problem !== undefined) invalidEndpoint(where, `has an invalid load: ${problem}`);
  const { ageMs = 0 } = load as { readonly ageMs?: unknown };
  if (typeof ageMs !== 'number' || !(ageMs >= 0))
    invalidEndpoint(where, `must have a load with ageMs ≥ 0; got ${describeValue(ageMs)}`);
}

function parseEndpointAddress(text: unknown, where: string): Address {
  try {
    return parseAddress(text);
  } catch (error) {
    throw new ClerkError(
      'CONFIG_INVALID',
      `Endpoint of ${where} has an invalid address: ${errorMessage(error)}`,
      { cause: error },
    );
  }
}

function checkLabel(value: unknown, key: string, where: string): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || value === '' || value.length > 253)
    invalidEndpoint(where, `must have a ${key} of 1 to 253 characters; got ${describeValue(value)}`);
  return value;
}

function checkAttributes(value: unknown, where: string): Readonly<Record<string, string>> {
  if (value === undefined) return Object.freeze({});
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    invalidEndpoint(where, `must have an object as attributes; got ${describeValue(value)}`);
  const result = Object.create(null) as Record<string, string>;
  for (const [key, text] of Object.entries(value as Record<string, unknown>)) {
    if (typeof text !== 'string')
      invalidEndpoint(where, `must have a string as attribute ${quote(key)}; got ${describeValue(text)}`);
    result[key] = text;
  }
  return Object.freeze(result);
}

function invalidEndpoint(where: string, problem: string): never {
  throw new ClerkError('CONFIG_INVALID', `Endpoint of ${where} ${problem}`);
}
