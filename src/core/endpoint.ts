/** Endpoints: running servers of a service. */
import { parseAddress, type Address, type AddressString } from './address.js';
import { ClerkError, errorMessage } from './errors.js';
import { loadError, type LoadInit } from './load-report.js';
import { quote } from './describe-value.js';

/** One running server of a service. Immutable; its health and load live elsewhere. */
export interface Endpoint {
  /** Instance id, never reused: the key for health, load and suspicion. @see Naming N8 */
  readonly id: string;
  /** Fencing number of the registration; 0 when nobody counts. @see promises C5.6 */
  readonly epoch: number;
  /** The address to talk to: the first of {@link Endpoint.addresses} that can be used from here. */
  readonly address: AddressString;
  /** All addresses, in order of preference. @see "A Distributed Systems Architecture for the 1990's" C7 (protocol tower) */
  readonly addresses: readonly AddressString[];
  /** ≥ 0; 0 means: only if there is nothing else. */
  readonly weight: number;
  /** Host it runs on, when known. */
  readonly host: string | undefined;
  /** Zone it runs in, when known. */
  readonly zone: string | undefined;
  /** Version of the service it runs, when known. */
  readonly version: string | undefined;
  /** `up`: to be used. `draining` and `suspect`: only if there is nothing else. */
  readonly state: 'up' | 'draining' | 'suspect';
  /** Free labels. */
  readonly attributes: Readonly<Record<string, string>>;
}

/** An endpoint as a program or a registry writes it. */
export interface EndpointInit {
  /** The only address. Give this or `addresses`. */
  readonly address?: AddressString | URL;
  /** The addresses, best first; 1–16. */
  readonly addresses?: readonly (AddressString | URL)[];
  /** Instance id, 1–128 printable characters without blanks. Default: the first address. */
  readonly id?: string;
  /** Fencing number, integer ≥ 0. Default 0. */
  readonly epoch?: number;
  /** Finite, ≥ 0. Default 1. */
  readonly weight?: number;
  /** Version, as semver writes it. */
  readonly version?: string;
  /** Host it runs on. Default: this host for unix sockets and loopback addresses, else unknown. */
  readonly host?: string;
  /** Zone it runs in. */
  readonly zone?: string;
  /** Free labels. */
  readonly attributes?: Readonly<Record<string, string>>;
  /** For a registry: how long the endpoint counts as present without renewing, in ms. */
  readonly leaseMs?: number;
  /** For a registry: how loaded the endpoint says that it is. */
  readonly load?: LoadInit & {
    /** How old it may be, in ms ≥ 0. Default 0. */
    readonly ageMs?: number;
  };
  /** `draining` and `suspect` endpoints are used only when there is nothing else. Default `up`. */
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
 * Turns what was written into an {@link Endpoint}, or says what is wrong with it.
 *
 * @param input - an address or an {@link EndpointInit}
 * @param where - for the message: whose endpoint it is
 * @throws {@link ClerkError} `CONFIG_INVALID`
 */
export function toEndpoint(input: unknown, where: string): Endpoint {
  const init: Record<string, unknown> =
    typeof input === 'string' || input instanceof URL
      ? { address: input }
      : typeof input === 'object' && input !== null && !Array.isArray(input)
        ? (input as Record<string, unknown>)
        : invalidEndpoint(where, `is ${describeInput(input)}, not an address or an object with one`);
  for (const key of Object.keys(init)) {
    if (!knownKeys.has(key))
      invalidEndpoint(where, `has an unknown key ${quote(key)}; known are ${[...knownKeys].join(', ')}`);
  }
  if (init.address !== undefined && init.addresses !== undefined)
    invalidEndpoint(where, "has both 'address' and 'addresses'; give one of them");
  const list: unknown = init.addresses ?? (init.address === undefined ? undefined : [init.address]);
  if (!Array.isArray(list) || list.length === 0 || list.length > 16)
    invalidEndpoint(where, "needs 'address', or 'addresses' with 1 to 16 of them");
  const parsed = Array.from(list as unknown[], (text) => parseEndpointAddress(text, where));
  const first = parsed[0] as Address;
  const id = init.id ?? first.text;
  if (typeof id !== 'string' || !/^[\x21-\x7e]{1,128}$/.test(id))
    invalidEndpoint(
      where,
      `has the id ${describeInput(id)}, its first address unless given; it must be 1 to 128 printable ASCII characters without blanks`,
    );
  const weight = init.weight === undefined ? 1 : init.weight;
  if (typeof weight !== 'number' || !Number.isFinite(weight) || weight < 0)
    invalidEndpoint(where, `has the weight ${describeInput(weight)}; it must be a finite number ≥ 0`);
  const epoch = init.epoch ?? 0;
  if (typeof epoch !== 'number' || !Number.isSafeInteger(epoch) || epoch < 0)
    invalidEndpoint(where, `has the epoch ${describeInput(epoch)}; it must be an integer ≥ 0`);
  const state = init.state ?? 'up';
  if (state !== 'up' && state !== 'draining' && state !== 'suspect')
    invalidEndpoint(where, `has the state ${describeInput(state)}; 'up', 'draining' and 'suspect' are known`);
  const { leaseMs } = init;
  if (leaseMs !== undefined && (typeof leaseMs !== 'number' || !(leaseMs > 0)))
    invalidEndpoint(where, `has the leaseMs ${describeInput(leaseMs)}; it must be a number of ms above 0`);
  if (init.load !== undefined) checkLoad(init.load, where);
  return Object.freeze({
    id: id,
    epoch: epoch,
    address: first.text,
    addresses: Object.freeze(parsed.map((address) => address.text)),
    // -0 becomes 0.
    weight: weight + 0,
    host: checkLabel(init.host, 'host', where),
    zone: checkLabel(init.zone, 'zone', where),
    version: checkLabel(init.version, 'version', where),
    state: state,
    attributes: checkAttributes(init.attributes, where),
  });
}

function checkLoad(load: unknown, where: string): void {
  const fault = loadError(load);
  if (fault !== undefined) invalidEndpoint(where, `has a load that cannot be used: ${fault}`);
  const { ageMs = 0 } = load as { readonly ageMs?: unknown };
  if (typeof ageMs !== 'number' || !(ageMs >= 0))
    invalidEndpoint(
      where,
      `has a load with the ageMs ${describeInput(ageMs)}; it must be a number of ms ≥ 0`,
    );
}

function parseEndpointAddress(text: unknown, where: string): Address {
  try {
    return parseAddress(text);
  } catch (error) {
    throw new ClerkError('CONFIG_INVALID', `Endpoint of ${where} cannot be used: ${errorMessage(error)}`, {
      cause: error,
    });
  }
}

function checkLabel(value: unknown, key: string, where: string): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || value === '' || value.length > 253)
    invalidEndpoint(
      where,
      `has the ${key} ${describeInput(value)}; it must be a string of 1 to 253 characters`,
    );
  return value;
}

function checkAttributes(value: unknown, where: string): Readonly<Record<string, string>> {
  if (value === undefined) return Object.freeze({});
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    invalidEndpoint(where, `has attributes that are ${describeInput(value)}, not an object`);
  const result = Object.create(null) as Record<string, string>;
  for (const [key, text] of Object.entries(value as Record<string, unknown>)) {
    if (typeof text !== 'string')
      invalidEndpoint(where, `has the attribute ${quote(key)} that is ${describeInput(text)}, not a string`);
    result[key] = text;
  }
  return Object.freeze(result);
}

function describeInput(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object'
    ? 'an object'
    : typeof value === 'number' || value === undefined
      ? String(value)
      : typeof value === 'string'
        ? quote(value)
        : `a ${typeof value}`;
}

function invalidEndpoint(where: string, problem: string): never {
  throw new ClerkError('CONFIG_INVALID', `Endpoint of ${where} ${problem}`);
}
