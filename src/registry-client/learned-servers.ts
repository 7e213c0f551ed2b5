import { backoffBoundMs } from '../core/backoff.js';
import type { Clock, Timer } from '../core/clock.js';
import { ClerkError } from '../core/errors.js';
import { parseServersHeader } from '../protocol/registry-servers.js';
import type { RegistryConnection, RegistryResponse } from './connection.js';
import { IncarnationCheck } from './incarnation-check.js';
import { ObservedConnection, type ConnectionObserver, type ServerStatement } from './observed-connection.js';
import { parseServerList, serversLookup, type ServerAddress } from './parse-server-list.js';
import { isStaleResponse } from './server-checks.js';
import { serverRank } from './server-order.js';

/** How a client learns the addresses of servers that its program has not configured. */
export interface ServerDiscovery {
  readonly connect: (url: string) => RegistryConnection;
  readonly warn: (message: string) => void;
  /** Whether the client moves to a learned server that is nearer. Default true. */
  readonly moves?: boolean;
}

export interface LearnedServersOptions extends ServerDiscovery {
  readonly clock: Clock;
  /** In the order of preference. */
  readonly configured: readonly RegistryConnection[];
  /** Called after `connections` has changed. */
  readonly onChanged: () => void;
}

/** Maximum number of learned servers. Of a longer list, the nearest servers are used. */
const maxLearned = 32;
/** Maximum delay before the first lookup of the list, in ms. The delay is random, so that clients spread lookups. */
const firstDelayMs = 1_000;
const delayMs = 5_000;
/** Maximum delays after a lookup that failed, or that returned an older list. */
const backoff = { firstMs: 10_000, maxMs: 30_000 };

/** Maximum number of server identifiers that are kept for each configured address. */
const maxIdentifiers = 64;

/** Which server an address leads to. */
interface Identity {
  /** Identifier of the server. Undefined for an address that leads to several servers in turn. */
  readonly id: string | undefined;
  /** The last identifiers of the server at the address, oldest first. */
  readonly seen: readonly string[];
}

interface LearnedServer extends ServerAddress {
  readonly rank: number;
  readonly connection: ObservedConnection;
}

/**
 * The servers of a registry that a client uses: configured servers, which the program names, and learned servers, which
 * the registry lists. Each response states the version of the list. When the version changes, the client looks the list
 * up once. A server without a shared database states no version, so its clients send no additional request.
 *
 * @see [G11](../../docs/background.md#g11), [decision 177](../../docs/decisions/177-servers-in-the-name-space.md)
 */
export class LearnedServers implements ConnectionObserver {
  readonly #options: LearnedServersOptions;
  readonly #configured: readonly RegistryConnection[];
  /** Ranks of the configured servers, which keep their order; undefined before the first list. */
  #ranks: readonly number[] | undefined;
  readonly #incarnations: IncarnationCheck;
  /** The identifiers that each configured server has stated. */
  readonly #identities = new Map<RegistryConnection, Identity>();
  #listed: readonly ServerAddress[] = [];
  #learned: readonly LearnedServer[] = [];
  /** Addresses of servers of another registry. */
  readonly #foreign = new Set<string>();
  #incarnation = '';
  /** The server that last stated a version other than `#version`. The list is looked up at this server. */
  #source: RegistryConnection | undefined;
  #version = '';
  #revision = -1;
  #failures = 0;
  #isScheduled = false;
  #timer: Timer | undefined;
  readonly #controller = new AbortController();
  /** Connections that left the list, until their last request has ended. */
  readonly #retired = new Set<RegistryConnection>();

  constructor(options: LearnedServersOptions) {
    this.#options = options;
    this.#incarnations = new IncarnationCheck(options.warn);
    this.#configured = options.configured.map((inner) => new ObservedConnection(inner, this, false));
  }

  /** In the order of preference. */
  get connections(): readonly RegistryConnection[] {
    if (this.#learned.length === 0) return this.#configured;
    const ranked = [
      ...this.#configured.map((connection, i) => ({ connection, rank: this.#ranks?.[i] ?? 0 })),
      ...this.#learned,
    ];
    return ranked.sort((a, b) => a.rank - b.rank).map(({ connection }) => connection);
  }

  /** @throws {@link ClerkError} `REGISTRY_UNREACHABLE` when a learned server belongs to another registry */
  onStatement({ servers, incarnation }: ServerStatement, connection: RegistryConnection): void {
    const isConfigured = this.#configured.includes(connection);
    if (isConfigured) this.#adopt(incarnation, connection);
    else if (incarnation !== this.#incarnation) throw this.#refuse(connection, incarnation);
    const statement = servers === '' ? undefined : parseServersHeader(servers);
    if (statement === undefined) return;
    if (isConfigured) this.#identify(connection, statement.id);
    if (statement.version === this.#version) return;
    this.#source = connection;
    this.#schedule();
  }

  async close(): Promise<void> {
    this.#timer?.cancel();
    this.#isScheduled = true;
    this.#controller.abort(new Error('The connections are closed'));
    const all = [...this.connections, ...this.#retired];
    await Promise.all(all.map((connection) => connection.close()));
  }

  #identify(connection: RegistryConnection, id: string): void {
    const known = this.#identities.get(connection) ?? { id: '', seen: [] };
    if (known.id === id || known.id === undefined) return;
    // A restarted server gets a new identifier. If a former identifier returns, the address leads to several servers.
    const leadsToSeveral = known.seen.includes(id);
    const seen = [...known.seen, id].slice(-maxIdentifiers);
    this.#identities.set(connection, { id: leadsToSeveral ? undefined : id, seen });
    this.#update();
  }

  /** Only a configured server decides which incarnation the registry has. */
  #adopt(incarnation: string, connection: RegistryConnection): void {
    this.#incarnations.note(connection, incarnation);
    if (incarnation === this.#incarnation || incarnation === '') return;
    this.#incarnation = incarnation;
    this.#version = '';
    this.#revision = -1;
    this.#foreign.clear();
    this.#listed = [];
    this.#update();
  }

  #refuse({ url }: RegistryConnection, incarnation: string): ClerkError {
    const problem = `The server at ${url} belongs to another registry than the server that listed it: the incarnation of the server is ${incarnation || 'unknown'}, and the expected incarnation is ${this.#incarnation}`;
    if (!this.#foreign.has(url)) {
      this.#foreign.add(url);
      this.#options.warn(
        `${problem}. The client ignores this server. Check the address with which the server was started (--advertise), and the database of the server`,
      );
      this.#update();
    }
    return new ClerkError('REGISTRY_UNREACHABLE', `${problem}; the client uses another server`);
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    const { clock } = this.#options;
    const boundMs =
      this.#failures > 0
        ? backoffBoundMs(backoff, this.#failures)
        : this.#version === ''
          ? firstDelayMs
          : delayMs;
    this.#timer = clock.setTimer(() => void this.#lookUp(), boundMs * clock.random());
    this.#timer.setRef(false);
  }

  /** Never rejects. After a failure, the next response that states another version schedules the next lookup. */
  async #lookUp(): Promise<void> {
    const { signal } = this.#controller;
    try {
      const response = await this.#source?.request(serversLookup, signal);
      this.#failures = response !== undefined && this.#apply(response) ? 0 : this.#failures + 1;
    } catch {
      this.#failures++;
    } finally {
      this.#isScheduled = signal.aborted;
    }
  }

  /** Returns false for a response that states no version, is stale, or has an older list than the present one. */
  #apply(response: RegistryResponse): boolean {
    const { status, servers, incarnation, revision, body } = response;
    const statement = parseServersHeader(servers);
    const isCurrent = incarnation === this.#incarnation && Number(revision) >= this.#revision;
    if (status !== 200 || statement === undefined || !isCurrent || isStaleResponse(response)) return false;
    this.#version = statement.version;
    this.#revision = Number(revision);
    const requiresTls = this.#configured.every(({ url }) => url.startsWith('https:'));
    this.#listed = parseServerList(body, { requiresTls, hostId: this.#options.clock.hostId() });
    for (const url of this.#foreign)
      if (!this.#listed.some((server) => server.url === url)) this.#foreign.delete(url);
    this.#update();
    return true;
  }

  /** Keeps the connections to servers that are still listed. Closes the other connections after their last request. */
  #update(): void {
    const before = this.#learned;
    const configuredUrls = new Set(this.#configured.map(({ url }) => url));
    const configuredIds = new Set([...this.#identities.values()].map(({ id }) => id));
    const ranked = this.#listed
      .filter(({ id, url }) => !configuredIds.has(id) && !configuredUrls.has(url) && !this.#foreign.has(url))
      .map(({ id, url }) => ({ ...before.find((each) => each.url === url), id, url }));
    if (ranked.length === 0 && before.length === 0) return;
    const { connect, clock, onChanged } = this.#options;
    const rankOf = serverRank(clock);
    this.#ranks ??= this.#configured.map(({ url }) => rankOf(url)).sort((a, b) => a - b);
    this.#learned = ranked
      .map((server) => ({ ...server, rank: server.rank ?? rankOf(server.url) }))
      .sort((a, b) => a.rank - b.rank)
      .slice(0, maxLearned)
      .map((server) => ({
        ...server,
        connection: server.connection ?? new ObservedConnection(connect(server.url), this, true),
      }));
    const left = before.filter(({ url }) => !this.#learned.some((server) => server.url === url));
    if (left.length === 0 && this.#learned.length === before.length) return;
    onChanged();
    for (const { connection } of left) {
      this.#retired.add(connection);
      connection.retire(() => this.#retired.delete(connection));
    }
  }
}
