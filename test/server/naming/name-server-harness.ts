/** Names over a store in memory and a clock that is moved by hand: what the tests of this folder talk to. */
import { createHash } from 'node:crypto';
import type { ClerkError } from '../../../src/core/errors.js';
import { openNameServer, type NameServerOptions } from '../../../src/server/naming/open-name-server.js';
import type {
  NameService,
  RecordChange,
  ServerRuntime,
  Store,
  WatchOptions,
} from '../../../src/server/ports.js';
import type { RegisterRequest, WatchEvent } from '../../../src/protocol/messages.js';
import { createFakeRuntime, type FakeRuntime } from '../../../src/testing/fake-runtime.js';

/** A store that can be read, be slow, and break. */
export class ControllableStore implements Store {
  readonly records = new Map<string, string>();
  /** Every batch that was written. */
  readonly batches: (readonly RecordChange[])[] = [];
  /** What a write waits for. */
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

  async close(): Promise<void> {}
}

export type TestRuntime = ServerRuntime &
  FakeRuntime & {
    /** Lets time pass in which this process does nothing, not even what is due. */
    stall(ms: number): void;
  };

/** Virtual time, real hashes, and random bytes that are counted instead. */
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
  /** Ends the process without a word and starts another over the same store. */
  restart(): Promise<void>;
}

export async function nameServerHarness({
  seed = 1,
  store = new ControllableStore(),
  ...options
}: Partial<NameServerOptions> & {
  seed?: number;
  store?: ControllableStore;
} = {}): Promise<NameServerHarness> {
  const runtime = testRuntime(seed);
  const open = (): Promise<NameService> => openNameServer(store, runtime, { version: '1.0.0', ...options });
  const made: NameServerHarness = {
    names: await open(),
    store,
    runtime,
    async restart() {
      await made.names.close();
      made.names = await open();
    },
  };
  return made;
}

export const localCaller = { principal: 'address:127.0.0.1' };

/** A registration with what it must have. */
export function registration(name: string, id: string, more: Partial<RegisterRequest> = {}): RegisterRequest {
  return { name, id, addresses: ['http://127.0.0.1:3001'], ...more };
}

export interface ReceivedEvent {
  readonly event: WatchEvent;
  readonly revision: string;
}

/** Opens a watch and writes down what it is told. */
export function recordWatch(names: NameService, globs: readonly string[], more: Partial<WatchOptions> = {}) {
  const received: ReceivedEvent[] = [];
  const watching = names.watch({
    id: 'w1',
    globs,
    since: undefined,
    onEvent: (event, revision) => received.push({ event, revision }),
    ...more,
  });
  return {
    ...watching,
    told: received,
    /** What was told since the last time, one line each. */
    lines(): string[] {
      return received.splice(0).map(({ event }) => lineOf(event));
    },
  };
}

export function lineOf(event: WatchEvent): string {
  switch (event.type) {
    case 'open':
      return event.resumed ? 'open, resumed' : 'open';
    case 'put':
      return event.entry.kind === 'link'
        ? `${event.name} -> ${event.entry.target}`
        : `${event.name} = ${event.entry.canonical === event.name ? '' : `${event.entry.canonical} `}[${event.entry.endpoints.map(({ id, state }) => (state === 'up' ? id : `${id} ${state}`)).join()}]`;
    case 'delete':
      return `${event.name} gone`;
    case 'resync':
      return `resync: ${event.reason}`;
    case 'current':
      return `current ${event.globs.join()}`;
    case 'heartbeat':
      return 'heartbeat';
  }
}

export const codeOf = async (promise: Promise<unknown>): Promise<string> => {
  try {
    await promise;
    return 'done';
  } catch (error) {
    return (error as ClerkError).code;
  }
};

export const thrownBy = (action: () => unknown): any => {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
};
