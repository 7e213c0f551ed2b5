import cluster from 'node:cluster';

/**
 * Environment variable of the workers. Its parts are: the pid of the primary, `system` or `primary`, and settings in
 * JSON. The second part states whether the operating system or the primary distributes connections to the workers.
 */
const settingsVariable = 'CLERK_CLUSTER';

/**
 * Whether the operating system distributes connections, by `NODE_CLUSTER_SCHED_POLICY` or Node's default. Used without
 * `CLERK_CLUSTER`, because a worker cannot read the `schedulingPolicy` of the primary.
 */
const isSharedBySystem =
  (process.env.NODE_CLUSTER_SCHED_POLICY ?? (process.platform === 'win32' ? 'none' : 'rr')) === 'none';

function readVariable(): readonly (string | undefined)[] {
  const [, pid, sharedBy, settings] =
    /^(\d+) (system|primary) (.*)$/s.exec(process.env[settingsVariable] ?? '') ?? [];
  // A worker of another cluster may inherit the variable from an ancestor, so the pid of the primary is compared.
  return cluster.isWorker && Number(pid) === process.ppid ? [pid, sharedBy, settings] : [];
}

let isCoordinated = false;

export const clusterWorker = {
  isWorker: cluster.isWorker,

  get settings(): string | undefined {
    return readVariable()[2];
  },

  /**
   * Whether other workers may accept connections of the same listener. With `SCHED_NONE`, the server object does not
   * show this, so every listener counts as shared.
   */
  sharesListener(server: object): boolean {
    const { _handle: handle } = server as { readonly _handle?: { readonly getAsyncId?: unknown } | null };
    if (!cluster.isWorker || handle === null || handle === undefined) return false;
    const sharedBy = readVariable()[1] ?? (isSharedBySystem ? 'system' : 'primary');
    return sharedBy === 'system' || typeof handle.getAsyncId !== 'function';
  },

  send(message: object): void {
    process.send?.(message, undefined, undefined, () => undefined);
  },

  onMessage(listener: (message: unknown) => void): void {
    process.on('message', listener);
  },
};

export const clusterPrimary = {
  isPrimary: cluster.isPrimary,

  get hasWorkers(): boolean {
    return Object.keys(cluster.workers ?? {}).length > 0;
  },

  get isCoordinated(): boolean {
    return isCoordinated;
  },

  setSettings(settings: string): void {
    isCoordinated = true;
    const sharedBy = cluster.schedulingPolicy === cluster.SCHED_NONE ? 'system' : 'primary';
    process.env[settingsVariable] = `${String(process.pid)} ${sharedBy} ${settings}`;
  },

  send(worker: number, message: object): void {
    const receiver = cluster.workers?.[worker];
    if (receiver?.isConnected() === true) receiver.send(message, () => undefined);
  },

  isAlive(worker: number): boolean {
    const known = cluster.workers?.[worker];
    return known !== undefined && !known.isDead();
  },

  onMessage(listener: (worker: number, message: unknown) => void): void {
    cluster.on('message', ({ id }, message: unknown) => listener(id, message));
  },

  onExit(listener: (worker: number) => void): void {
    cluster.on('exit', ({ id }) => listener(id));
  },
};
