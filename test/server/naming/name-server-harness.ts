/** A name server over a store in memory and a clock that tests advance. */
import { createHash } from 'node:crypto';
import type { ClerkError } from '../../../src/core/errors.js';
import { openNameServer, type NameServerOptions } from '../../../src/server/naming/open-name-server.js';
import { openSharedNameServer } from '../../../src/server/naming/open-shared-name-server.js';
import { decodeBatch, encodeSharedChange } from '../../../src/server/naming/shared/batch-content.js';
import type {
  Caller,
  NameService,
  RecordChange,
  ServerRuntime,
  Store,
  WatchOptions,
} from '../../../src/server/ports.js';
import type {
  RegisterRequest,
  RenewRequest,
  WithdrawRequest,
} from '../../../src/protocol/registration-messages.js';
import type { WatchEvent } from '../../../src/protocol/watch-messages.js';
import { createFakeRuntime, type FakeRuntime } from '../../../src/testing/fake-runtime.js';
import { SimulatedEngine } from '../shared-log/simulated-engine.js';

/** A store in memory whose writes can be delayed and can fail. */
export class ControllableStore implements Store {
  readonly records = new Map<string, string>();
  /** All written batches. */
  readonly batches: (readonly RecordChange[])[] = [];
  /** Writes wait until this settles. */
  writeGate: Promise<void> | undefined;
  failure: Error | undefined;

  async load(): Promise<ReadonlyMap<string, string>> {
    return new Map(this.records);
  }

  async write(changes: readonly RecordChange[]): Promise<void> {
    await this.writeGate;
    if (this.failure) throw this.failure;
    this.batches.push(changes);
    for (const { key, value } of changes)
      if (value === undefined) this.records.delete(key);
      else this.records.set(key, value);
  }

  async recover(): Promise<void> {
    if (this.failure) throw this.failure;
  }

  async close(): Promise<void> {}
}

export type TestRuntime = ServerRuntime &
  FakeRuntime & {
    /** Advances the clock without running timers, like a blocked event loop. */
    stall(ms: number): void;
  };

/** A fake clock, real hashes, and random bytes that are replaced by a counter. */
export function testRuntime(seed = 1): TestRuntime {
  const fake = createFakeRuntime({ seed, startAt: 1_000_000 });
  let drawn = 0;
  let stalledMs = 0;
  const now = fake.now.bind(fake);
  return Object.assign(fake, {
    now: () => now() + stalledMs,
    stall: (ms: number) => {
      stalledMs += ms;
    },
    sha256: (text: string) => createHash('sha256').update(text).digest('hex'),
    timingSafeEqual: (a: string, b: string) => a === b,
    randomHex: (bytes: number) => (++drawn).toString(16).padStart(bytes * 2, 'a'),
  });
}

export interface NameServerHarness {
  names: NameService;
  readonly store: ControllableStore;
  readonly runtime: TestRuntime;
  /** Closes the name server and opens another one on the same store. */
  restart(): Promise<void>;
}

/** With this variable of the environment, the name servers of all tests are those of a shared log. */
export const overSharedLog = 'NAMES_OVER_SHARED_LOG';

/** The records of the log are also in `store`, as those of one server would be. */
function sharedOpener(
  { records }: ControllableStore,
  runtime: TestRuntime,
  options: Partial<NameServerOptions>,
): () => Promise<NameService> {
  let opened = 0;
  const engine = new SimulatedEngine({
    clock: runtime,
    onAppended: ({ content }) => {
      for (const change of decodeBatch(content, runtime.now()).changes) {
        const { key, value } = encodeSharedChange(change);
        if (value === undefined) records.delete(key);
        else records.set(key, value);
      }
    },
  });
  return async () => {
    const log = engine.connect(`server-${++opened}`);
    await log.open();
    return openSharedNameServer(log, runtime, { version: '1.0.0', ...options });
  };
}

/** Opens a name server over a store and a clock that the test controls. */
export async function nameServerHarness({
  seed = 1,
  store = new ControllableStore(),
  ...options
}: Partial<NameServerOptions> & {
  seed?: number;
  store?: ControllableStore;
} = {}): Promise<NameServerHarness> {
  const runtime = testRuntime(seed);
  const secrets = new Map<string, string>();
  const openAlone = (): Promise<NameService> =>
    openNameServer(store, runtime, { version: '1.0.0', ...options });
  const openNames = process.env[overSharedLog] === 'yes' ? sharedOpener(store, runtime, options) : openAlone;
  const open = async (): Promise<NameService> => withSecrets(await openNames(), store, runtime, secrets);
  const harness: NameServerHarness = {
    names: await open(),
    store,
    runtime,
    async restart() {
      await harness.names.close();
      harness.names = await open();
    },
  };
  return harness;
}

/**
 * Adds to each request the secret of its registration, as the services do, unless the request has a secret.
 *
 * @param secrets - secrets by their digests
 */
function withSecrets(
  names: NameService,
  { records }: ControllableStore,
  { sha256 }: TestRuntime,
  secrets: Map<string, string>,
): NameService {
  const secretOf = ({ name, id }: { readonly name: string; readonly id: string }) => {
    let canonical = name;
    try {
      ({ canonical } = names.launchRule(name));
    } catch {
      // The name does not exist.
    }
    if (!records.has(`p ${canonical} ${id}`)) {
      // The service uses a name from before a move.
      const moved = [...records.keys()].find((key) => key.startsWith('p ') && key.endsWith(` ${id}`));
      if (canonical === name && moved !== undefined) canonical = moved.split(' ')[1] as string;
    }
    const record = records.get(`p ${canonical} ${id}`) ?? records.get(`f ${canonical} ${id}`) ?? '{}';
    const secret = secrets.get((JSON.parse(record) as { readonly secretHash?: string }).secretHash ?? '');
    return secret === undefined ? {} : { secret };
  };
  const { register, renew, withdraw } = names;
  return Object.assign(names, {
    async register(request: RegisterRequest, caller: Caller) {
      const response = await register.call(names, { ...secretOf(request), ...request }, caller);
      secrets.set(sha256(response.secret), response.secret);
      return response;
    },
    renew: ({ renewals }: RenewRequest, caller?: Caller) =>
      renew.call(
        names,
        { renewals: renewals.map((renewal) => ({ ...secretOf(renewal), ...renewal })) },
        caller,
      ),
    withdraw: (request: WithdrawRequest, caller?: Caller) =>
      withdraw.call(names, { ...secretOf(request), ...request }, caller),
  });
}

/** The principal of all requests unless a test says otherwise. */
export const localCaller = { principal: 'address:127.0.0.1' };

/** A register request with default addresses. */
export function registration(name: string, id: string, more: Partial<RegisterRequest> = {}): RegisterRequest {
  return { name, id, addresses: ['http://127.0.0.1:3001'], ...more };
}

export interface ReceivedEvent {
  readonly event: WatchEvent;
  readonly revision: string;
}

/** Opens a watch and records its events. */
export function recordWatch(names: NameService, globs: readonly string[], more: Partial<WatchOptions> = {}) {
  const received: ReceivedEvent[] = [];
  const watch = names.watch({
    id: 'w1',
    globs,
    since: undefined,
    onEvent: (event, revision) => received.push({ event, revision }),
    ...more,
  });
  return {
    ...watch,
    received,
    /** The events since the last call, as one line each. */
    lines(): string[] {
      return received.splice(0).map(({ event }) => lineOf(event));
    },
  };
}

/** An event as one line. */
export function lineOf(event: WatchEvent): string {
  switch (event.type) {
    case 'open':
      return event.resumed ? 'open resumed' : 'open';
    case 'put':
      return event.entry.kind === 'link'
        ? `${event.name} -> ${event.entry.target}`
        : `${event.name} = ${event.entry.canonical === event.name ? '' : `${event.entry.canonical} `}[${event.entry.endpoints.map(({ id, state }) => (state === 'up' ? id : `${id} ${state}`)).join()}]`;
    case 'delete':
      return `${event.name} deleted`;
    case 'resync':
      return `resync: ${event.reason}`;
    case 'current':
      return `current ${event.globs.join()}`;
    case 'heartbeat':
      return 'heartbeat';
  }
}

/** The error code of a rejected request, or `done`. */
export const codeOf = async (promise: Promise<unknown>): Promise<string> => {
  try {
    await promise;
    return 'done';
  } catch (error) {
    return (error as ClerkError).code;
  }
};

/** The error that an action throws. */
export const thrownBy = (action: () => unknown): any => {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
};
