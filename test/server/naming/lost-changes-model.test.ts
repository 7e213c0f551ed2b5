/**
 * Random histories of a registry whose data is sometimes replaced by an older copy, with clerks and services that keep
 * their positions.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ClerkError, isClerkError } from '../../../src/core/errors.js';
import type { LookupContext, ResolvedService, Resolver } from '../../../src/core/resolution-result.js';
import { retryLoop } from '../../../src/runtime/p-retry-loop.js';
import { decodeResolution } from '../../../src/protocol/resolution-codec.js';
import { SeenPosition } from '../../../src/registry-client/seen-position.js';
import { LastKnownGood } from '../../../src/resolve/last-known-good.js';
import { parseResolution } from '../../../src/resolve/parse-resolution.js';
import { ControllableStore, localCaller, nameServerHarness, registration } from './name-server-harness.js';
import type { NameServerHarness } from './name-server-harness.js';

const service = '/shop/orders';

type Operation =
  | { readonly do: 'change' | 'register' | 'backup' | 'restore' | 'restart' | 'wait' }
  | { readonly do: 'lookup'; readonly clerk: number };

const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.constantFrom<Operation>(
    { do: 'change' },
    { do: 'change' },
    { do: 'register' },
    { do: 'backup' },
    { do: 'restore' },
    { do: 'restart' },
    { do: 'wait' },
  ),
  fc.record({ do: fc.constant('lookup' as const), clerk: fc.nat(2) }),
);

class World {
  harness!: NameServerHarness;
  readonly clerks: Clerk[] = [];
  #backup: ReadonlyMap<string, string> | undefined;
  #backupPosition = '';
  #changes = 0;
  #runs = 0;
  /** Wall-clock time of the end of the last run. */
  #wallNow = -Infinity;
  /** Revisions that a client may still know, although the data lacks them. */
  #isLossPossible = false;
  /** Epochs that were assigned, in order, since the last loss that no client has reported. */
  readonly #assigned: number[] = [];

  async open(records: ReadonlyMap<string, string> = new Map()): Promise<void> {
    const store = new ControllableStore();
    for (const [key, value] of records) store.records.set(key, value);
    this.harness = await nameServerHarness({ store });
    // The random numbers of each run differ.
    this.#runs++;
    for (let i = 0; i < this.#runs; i++) this.harness.runtime.randomHex(1);
    const { runtime } = this.harness;
    await runtime.advance(Math.max(0, this.#wallNow - runtime.wallNow()) + 1_000);
    await this.harness.restart();
  }

  async run(operations: readonly Operation[]): Promise<void> {
    for (const each of operations) await this.#run(each);
  }

  async #run(each: Operation): Promise<void> {
    const { names, store, runtime } = this.harness;
    switch (each.do) {
      case 'change':
        await names.define({ name: `/other/s${++this.#changes}` });
        return;
      case 'register': {
        const { epoch } = await names.register(
          registration(service, `orders-${++this.#changes}`),
          localCaller,
        );
        if (this.#isLossPossible) return;
        for (const earlier of this.#assigned) expect(epoch).toBeGreaterThan(earlier);
        this.#assigned.push(epoch);
        return;
      }
      case 'backup':
        this.#backup = new Map(store.records);
        for (const clerk of this.clerks) clerk.atBackup = clerk.position;
        this.#backupPosition = names.position;
        return;
      case 'restore':
        if (this.#backup === undefined) return;
        this.#isLossPossible = true;
        for (const clerk of this.clerks) clerk.mayHaveSeenLoss = true;
        for (const clerk of this.clerks)
          clerk.hasSeenLoss = clerk.position !== clerk.atBackup && clerk.position !== this.#backupPosition;
        await this.#reopen(this.#backup);
        return;
      case 'restart':
        await this.#reopen(new Map(store.records));
        return;
      case 'wait':
        await runtime.advance(61_000);
        return;
      case 'lookup':
        await this.#lookup(this.clerks[each.clerk] as Clerk);
    }
  }

  async #reopen(records: ReadonlyMap<string, string>): Promise<void> {
    await this.harness.names.close();
    this.#wallNow = this.harness.runtime.wallNow();
    await this.open(records);
  }

  async #lookup(clerk: Clerk): Promise<void> {
    const before = this.harness.names.status().incarnation;
    const { mayHaveSeenLoss } = clerk;
    clerk.mayHaveSeenLoss = false;
    await clerk.lookup();
    const after = this.harness.names.status().incarnation;
    if (after === before) {
      if (this.#isLossPossible && clerk.hasSeenLoss) throw new Error('the registry does not notice the loss');
      return;
    }
    if (!this.#isLossPossible && !mayHaveSeenLoss) throw new Error('a new incarnation without a loss');
    expect(after > before).toBe(true);
    // The loss is noticed: from now on, no epoch of the lost changes is assigned.
    this.#isLossPossible = false;
  }
}

/** A clerk that looks the service up. Without `seen`, it only returns the position of its last result. */
class Clerk implements Resolver {
  readonly #world: World;
  readonly #seen: SeenPosition | undefined;
  readonly #lastKnownGood: LastKnownGood;
  #known: ResolvedService | undefined;
  /** Its position when the last backup was made. */
  atBackup = '';
  /** Whether it has seen changes that the restored data lacks. */
  hasSeenLoss = false;
  /** Whether the data was replaced since its last lookup. */
  mayHaveSeenLoss = false;

  constructor(world: World, seen: SeenPosition | undefined) {
    this.#world = world;
    this.#seen = seen;
    this.#lastKnownGood = new LastKnownGood(this, {
      clock: world.harness.runtime,
      reporter: { emit: () => undefined, hasListeners: () => false } as never,
      retry: retryLoop,
      maxStaleMs: 3_600_000,
      onRecovered: () => undefined,
      isBound: () => true,
    });
  }

  /** The position that it returns with its next lookup. */
  get position(): string {
    return this.#seen?.forRequest() ?? this.#known?.position ?? '';
  }

  /** A lookup must follow the registry at once, unless the registry has no endpoint. */
  async lookup(): Promise<void> {
    const resolved = await this.resolve(service, {
      suspects: new Set(),
      position: this.#seen === undefined ? this.#known?.position : undefined,
    }).catch((error: unknown) => {
      if (isClerkError(error) && error.code === 'NAME_NOT_FOUND') return undefined;
      throw error;
    });
    if (resolved === undefined || resolved.endpoints.length === 0) return;
    const isFollowed = this.#lastKnownGood.applyIfNewer(resolved);
    if (!isFollowed) throw new Error(`the clerk refuses ${resolved.incarnation}:${resolved.revision}`);
    this.#known = resolved;
  }

  async resolve(name: string, { position }: LookupContext): Promise<ResolvedService> {
    const { names, runtime } = this.#world.harness;
    await names.checkPositions(this.#seen?.forRequest(position) ?? position ?? '');
    this.#seen?.record(names.position);
    const json = names.resolveJson(name);
    if (json === undefined) throw new ClerkError('NAME_NOT_FOUND', 'It does not exist');
    const parsed = parseResolution(decodeResolution(JSON.parse(json) as never), name);
    const at = { requestedAt: (this.#at += 1), requestedWallAt: runtime.wallNow() };
    return { ...parsed, ...at, kind: 'bound', name, stale: false };
  }

  /** Requests of one clerk follow each other, although the clock of a reopened registry starts again. */
  #at = 0;
}

test('clerks follow a registry through restores, and no new incarnation comes without a loss', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(operation, { minLength: 20, maxLength: 60, size: 'max' }),
      async (operations) => {
        const world = new World();
        await world.open();
        for (const seen of [new SeenPosition(), new SeenPosition(), undefined])
          world.clerks.push(new Clerk(world, seen));
        await world.run(operations);
      },
    ),
    { numRuns: 300, seed: 12 },
  );
}, 60_000);
