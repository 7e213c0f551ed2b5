import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import { debianProgram } from './debian-package.js';
import { EngineProcess, freePorts, untilReady } from './engine-process.js';

/** The program etcd, or why tests with it are left out. */
export const etcdProgram = debianProgram({
  package: 'etcd-server',
  paths: ['/usr/bin/etcd', '/usr/local/bin/etcd'],
});

export interface EtcdClusterOptions {
  /** Default 1. */
  readonly nodes?: number;
  /** Further arguments of each node. */
  readonly args?: readonly string[];
  /** Certificate and key of the client port in PEM; the nodes then accept only TLS. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca: string };
}

/** A node of an {@link EtcdCluster}. */
export interface EtcdNode {
  readonly port: number;
  readonly url: string;
  /** Sends a signal, such as SIGSTOP. */
  signal(signal: NodeJS.Signals): void;
  kill(): Promise<void>;
  start(): Promise<void>;
}

/** Nodes of etcd at 127.0.0.1 with their data in a temporary folder. */
export class EtcdCluster {
  readonly #folder = mkdtempSync(join(tmpdir(), 'binding-clerk-etcd-'));
  readonly #processes: (EngineProcess | undefined)[] = [];
  readonly #options: EtcdClusterOptions;
  readonly nodes: readonly EtcdNode[];
  readonly #peerPorts: readonly number[];
  readonly #agent: Agent;

  private constructor(options: EtcdClusterOptions, ports: readonly number[]) {
    this.#options = options;
    const count = ports.length / 2;
    this.#agent = new Agent({ connect: { ca: options.tls?.ca } });
    this.#peerPorts = ports.slice(count);
    const scheme = options.tls === undefined ? 'http' : 'https';
    this.nodes = ports.slice(0, count).map((port, i) => ({
      port,
      url: `${scheme}://127.0.0.1:${String(port)}`,
      signal: (signal) => this.#processes[i]?.signal(signal),
      kill: async () => this.#processes[i]?.end(),
      start: () => this.#start(i),
    }));
    if (options.tls !== undefined)
      for (const [name, text] of Object.entries(options.tls))
        writeFileSync(join(this.#folder, `${name}.pem`), text, { mode: 0o600 });
  }

  /** Starts a cluster, and waits until it has a leader. The caller ends it with `close`. */
  static async start(options: EtcdClusterOptions = {}): Promise<EtcdCluster> {
    const cluster = new EtcdCluster(options, await freePorts(2 * (options.nodes ?? 1)));
    try {
      await Promise.all(cluster.nodes.map((node) => node.start()));
    } catch (error) {
      await cluster.close();
      throw error;
    }
    return cluster;
  }

  /** File in PEM format with the authority of the certificate. */
  get caFile(): string {
    return join(this.#folder, 'ca.pem');
  }

  /** The URL of a store, without scheme and prefix. */
  get hosts(): string {
    return this.nodes.map(({ port }) => `127.0.0.1:${String(port)}`).join(',');
  }

  /** Sends a request to the gateway of a node. Rejects for a status of 400 or higher. */
  async post(path: string, message: object, node = 0, headers: Record<string, string> = {}): Promise<any> {
    const { statusCode, body } = await request(`${(this.nodes[node] as EtcdNode).url}/v3${path}`, {
      method: 'POST',
      body: JSON.stringify(message),
      headers,
      headersTimeout: 5_000,
      dispatcher: this.#agent,
    });
    const text = await body.text();
    if (statusCode >= 400) throw new Error(text);
    return JSON.parse(text);
  }

  /** Index of the node that leads at present. */
  async leader(): Promise<number> {
    for (const index of this.nodes.keys()) {
      try {
        const { header, leader } = await this.post('/maintenance/status', {}, index);
        if (header.member_id === leader) return index;
      } catch {
        // The node has ended or is paused.
      }
    }
    throw new Error('The cluster has no leader');
  }

  async close(): Promise<void> {
    await Promise.all(this.#processes.map(async (each) => each?.end()));
    await this.#agent.destroy();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #start(index: number): Promise<void> {
    if (!('path' in etcdProgram)) throw new Error(etcdProgram.leftOut);
    const { url } = this.nodes[index] as EtcdNode;
    const peer = (i: number): string => `http://127.0.0.1:${String(this.#peerPorts[i])}`;
    const engine = new EngineProcess(
      etcdProgram.path,
      [
        ...['--name', `n${String(index)}`, '--data-dir', join(this.#folder, `n${String(index)}`)],
        ...['--listen-client-urls', url, '--advertise-client-urls', url],
        ...['--listen-peer-urls', peer(index), '--initial-advertise-peer-urls', peer(index)],
        ...['--initial-cluster', this.nodes.map((_, i) => `n${String(i)}=${peer(i)}`).join(',')],
        ...['--initial-cluster-token', 'test', '--logger', 'zap', '--log-level', 'error'],
        ...(this.#options.tls === undefined
          ? []
          : ['--cert-file', join(this.#folder, 'cert.pem'), '--key-file', join(this.#folder, 'key.pem')]),
        ...(this.#options.args ?? []),
      ],
      { env: { ...process.env, ETCD_UNSUPPORTED_ARCH: process.arch === 'arm64' ? 'arm64' : '' } },
    );
    this.#processes[index] = engine;
    await untilReady(engine, () => this.post('/kv/range', { key: 'AA==' }, index));
  }
}
