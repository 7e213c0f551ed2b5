/** The registry of a clerk in a world with the real server: the client as it is, and a look at how the clerk uses it. */
import type { EndpointInit } from 'binding-clerk';
import type { Registry, Resolution, Snapshot } from 'binding-clerk/extend';

export interface ObservedRegistryOptions {
  readonly watches: boolean;
  readonly now: () => number;
  /** Whether nobody was under a name at some time since then. */
  readonly wasEmpty: (name: string, from: number) => boolean;
  readonly violate: (promise: string, what: string) => void;
  /** The clerk was told, by a watch, of so many endpoints. */
  readonly onWatchSnapshot: (name: string, count: number) => void;
  readonly onUpdate: () => void;
  /** A start is asked for; returns what says that it is over. */
  readonly onStart: () => () => void;
  readonly onStarted: (id: string) => void;
}

export class ObservedRegistry implements Registry {
  closes = 0;
  watchesOpen = 0;
  watch?: NonNullable<Registry['watch']>;
  readonly #pending = new Set<string>();
  readonly #starting = new Set<string>();

  constructor(
    readonly clerk: string,
    readonly inner: Required<Registry>,
    readonly options: ObservedRegistryOptions,
  ) {
    if (options.watches) this.watch = (glob, onSnapshot, onError) => this.#watch(glob, onSnapshot, onError);
  }

  async resolve(name: string, context: Parameters<Registry['resolve']>[1]): Promise<Resolution> {
    const { violate, now, wasEmpty } = this.options;
    const askedAt = now();
    if (this.closes > 0) violate('port', `${this.clerk} asked for ${name} after it closed the registry`);
    if (this.#pending.has(name)) violate('C1.5', `${this.clerk} asked for ${name} twice at a time`);
    this.#pending.add(name);
    try {
      const resolution = await this.inner.resolve(name, context);
      if (resolution.kind === 'absent' && !wasEmpty(name, askedAt))
        violate('C1.4', `${this.clerk} takes ${name} for absent, and it was there all the time`);
      return resolution;
    } finally {
      this.#pending.delete(name);
    }
  }

  async start(
    name: string,
    context: Parameters<Required<Registry>['start']>[1],
  ): ReturnType<Required<Registry>['start']> {
    const { violate, onStart, onStarted } = this.options;
    if (this.#starting.has(name)) violate('C6.1', `${this.clerk} has ${name} started twice at a time`);
    this.#starting.add(name);
    const over = onStart();
    try {
      const started = await this.inner.start(name, context);
      for (const endpoint of started as readonly EndpointInit[]) onStarted(endpoint.id as string);
      return started;
    } finally {
      over();
      this.#starting.delete(name);
    }
  }

  async close(): Promise<void> {
    if (++this.closes > 1) this.options.violate('port', `${this.clerk} closed the registry twice`);
    await this.inner.close();
  }

  healed(): void {
    // Its stream finds that out by itself.
  }

  #watch(
    glob: string,
    onSnapshot: (snapshot: Snapshot) => void,
    onError: ((error: unknown) => void) | undefined,
  ) {
    const { onWatchSnapshot, onUpdate } = this.options;
    this.watchesOpen++;
    const stop = this.inner.watch(
      glob,
      (snapshot) => {
        onUpdate();
        for (const [name, resolution] of snapshot as ReadonlyMap<string, Resolution>)
          if (resolution.kind !== 'link')
            onWatchSnapshot(name, resolution.kind === 'bound' ? resolution.endpoints.length : 0);
        onSnapshot(snapshot);
      },
      (error) => {
        this.#checkHonest(error);
        onError?.(error);
      },
    );
    return () => {
      this.watchesOpen--;
      stop();
    };
  }

  /** In a stream everything comes from the server, and that never lies. */
  #checkHonest(error: unknown): void {
    const { code, message } = error as { code?: string; message?: string };
    if (code === 'REGISTRY_INVALID')
      this.options.violate('C1.7', `${this.clerk} takes the server's word for nonsense: ${String(message)}`);
  }
}
