import type { EndpointInit } from 'binding-clerk';
import type { Registry, Resolution, Snapshot } from 'binding-clerk/extend';

export interface ObservedRegistryOptions {
  readonly watches: boolean;
  readonly now: () => number;
  /** Whether a name had no endpoint at any time since then. */
  readonly wasEmpty: (name: string, from: number) => boolean;
  readonly violate: (clause: string, what: string) => void;
  /** A watch delivered a snapshot with this many endpoints. */
  readonly onWatchSnapshot: (name: string, count: number) => void;
  /** A watch delivered an entry that the clerk trusts until this time. */
  readonly onTrust: (name: string, until: number) => void;
  readonly onUpdate: () => void;
  /** A start is requested. Returns a function to call when it has ended. */
  readonly onStart: () => () => void;
  readonly onStarted: (id: string) => void;
}

/** The remote registry of a clerk, with checks of how the clerk uses it. */
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
    const requestedAt = now();
    if (this.closes > 0) violate('port', `${this.clerk} looks up ${name} after it closed the registry`);
    if (this.#pending.has(name)) violate('C1.5', `${this.clerk} looks up ${name} twice concurrently`);
    this.#pending.add(name);
    try {
      const resolution = await this.inner.resolve(name, context);
      if (resolution.kind === 'absent' && !wasEmpty(name, requestedAt))
        violate('C1.4', `${this.clerk} resolves ${name} to absent although it existed all the time`);
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
    if (this.#starting.has(name)) violate('C6.1', `${this.clerk} starts ${name} twice concurrently`);
    this.#starting.add(name);
    const onEnd = onStart();
    try {
      const started = await this.inner.start(name, context);
      for (const endpoint of started as readonly EndpointInit[]) onStarted(endpoint.id as string);
      return started;
    } finally {
      onEnd();
      this.#starting.delete(name);
    }
  }

  async close(): Promise<void> {
    if (++this.closes > 1) this.options.violate('port', `${this.clerk} closes the registry twice`);
    await this.inner.close();
  }

  healed(): void {
    // The watch stream recovers by itself.
  }

  #watch(
    glob: string,
    onSnapshot: (snapshot: Snapshot) => void,
    onError: ((error: unknown) => void) | undefined,
  ) {
    const { onWatchSnapshot, onTrust, onUpdate, now } = this.options;
    this.watchesOpen++;
    const stop = this.inner.watch(
      glob,
      (snapshot) => {
        onUpdate();
        for (const [name, resolution] of snapshot as ReadonlyMap<string, Resolution>) {
          if (resolution.kind === 'link') continue;
          onWatchSnapshot(name, resolution.kind === 'bound' ? resolution.endpoints.length : 0);
          if (resolution.kind !== 'bound') continue;
          const { path = [], statedAt = now() } = resolution;
          for (const step of path) onTrust(step.name, statedAt + step.guaranteedMs);
        }
        onSnapshot(snapshot);
      },
      (error) => {
        this.#checkAccepted(error);
        onError?.(error);
      },
    );
    return () => {
      this.watchesOpen--;
      stop();
    };
  }

  /** The server sends valid events only, so the client must accept all of them. */
  #checkAccepted(error: unknown): void {
    const { code, message } = error as { code?: string; message?: string };
    if (code === 'REGISTRY_INVALID')
      this.options.violate('C1.7', `${this.clerk} rejects a valid event: ${String(message)}`);
  }
}
