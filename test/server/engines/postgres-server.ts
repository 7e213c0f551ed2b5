import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { debianProgram } from './debian-package.js';
import { EngineProcess, freePorts, untilReady } from './engine-process.js';

const versions = (() => {
  try {
    return readdirSync('/usr/lib/postgresql');
  } catch {
    return [];
  }
})();

/** The program postgres, or why tests with it are left out. */
export const postgresProgram = debianProgram({
  package: 'postgresql',
  paths: [...new Set([...versions, '15', '17'])].map(
    (version) => `/usr/lib/postgresql/${version}/bin/postgres`,
  ),
});

export interface PostgresServerOptions {
  /** Lines of `postgresql.conf`. */
  readonly settings?: readonly string[];
  /** Lines of `pg_hba.conf`. Default: passwords by SCRAM. */
  readonly access?: readonly string[];
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca: string };
}

export const superuser: { readonly user: string; readonly password: string } = {
  user: 'admin',
  password: 'admin-password',
};

/** A server of Postgres at 127.0.0.1 with its data in a temporary folder. */
export class PostgresServer {
  readonly #folder = mkdtempSync(join(tmpdir(), 'binding-clerk-postgres-'));
  readonly port: number;
  readonly #bin: string;
  #process: EngineProcess | undefined;

  private constructor(port: number) {
    if (!('path' in postgresProgram)) throw new Error(postgresProgram.leftOut);
    this.port = port;
    this.#bin = join(postgresProgram.path, '..');
  }

  /** Starts a server with the database `clerk`. The caller ends it with `close`. */
  static async start({ settings = [], access, tls }: PostgresServerOptions = {}): Promise<PostgresServer> {
    const [port = 0] = await freePorts(1);
    const server = new PostgresServer(port);
    try {
      server.#initialize(settings, access, tls);
      await server.restart();
      await server.run('CREATE DATABASE clerk', 'postgres');
    } catch (error) {
      await server.close();
      throw error;
    }
    return server;
  }

  /** File in PEM format with the authority of the certificate. */
  get caFile(): string {
    return join(this.#folder, 'ca.pem');
  }

  /** The URL of a store. */
  url({ user = superuser.user, password = superuser.password, query = '' } = {}): string {
    return `postgres://${user}:${encodeURIComponent(password)}@127.0.0.1:${String(this.port)}/clerk${query}`;
  }

  /** Runs statements as superuser. */
  async run(text: string, database = 'clerk'): Promise<readonly Record<string, unknown>[]> {
    const client = new pg.Client({ host: '127.0.0.1', port: this.port, database, ...superuser });
    client.on('error', () => undefined);
    await client.connect();
    try {
      const result = await client.query(text);
      return result.rows;
    } finally {
      await client.end();
    }
  }

  /** SIGQUIT ends Postgres at once, as a crash does; its processes end with it. */
  async stop(signal: NodeJS.Signals = 'SIGQUIT'): Promise<void> {
    await this.#process?.end(signal);
  }

  /** Starts the server that `stop` has ended. */
  async restart(): Promise<void> {
    const data = join(this.#folder, 'data');
    const engine = new EngineProcess(join(this.#bin, 'postgres'), ['-D', data], this.#owner());
    this.#process = engine;
    await untilReady(engine, () => this.run('SELECT 1', 'postgres'));
  }

  async close(): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #initialize(
    settings: readonly string[],
    access: PostgresServerOptions['access'],
    tls: PostgresServerOptions['tls'],
  ): void {
    const data = join(this.#folder, 'data');
    const password = join(this.#folder, 'password');
    mkdirSync(data, { mode: 0o700 });
    writeFileSync(password, superuser.password);
    if (tls !== undefined)
      for (const [name, text] of Object.entries(tls))
        writeFileSync(join(this.#folder, `${name}.pem`), text, { mode: 0o600 });
    const { uid, gid } = this.#owner();
    chmodSync(this.#folder, 0o755);
    for (const path of [this.#folder, ...readdirSync(this.#folder).map((name) => join(this.#folder, name))])
      if (uid !== undefined && gid !== undefined) chownSync(path, uid, gid);
    execFileSync(
      join(this.#bin, 'initdb'),
      [
        '-D',
        data,
        '-U',
        superuser.user,
        '--pwfile',
        password,
        '-A',
        'scram-sha-256',
        '--no-sync',
        '-E',
        'UTF8',
        '--locale=C',
      ],
      { ...this.#owner(), stdio: 'pipe' },
    );
    const lines = [
      `port = ${String(this.port)}`,
      "listen_addresses = '127.0.0.1'",
      `unix_socket_directories = '${this.#folder}'`,
      'shared_buffers = 16MB',
      ...(tls === undefined
        ? []
        : [
            `ssl = on`,
            `ssl_cert_file = '${this.#folder}/cert.pem'`,
            `ssl_key_file = '${this.#folder}/key.pem'`,
          ]),
      ...settings,
    ];
    writeFileSync(join(data, 'postgresql.conf'), `${lines.join('\n')}\n`);
    if (access !== undefined) writeFileSync(join(data, 'pg_hba.conf'), `${access.join('\n')}\n`);
  }

  /** Postgres refuses to run as root, so root runs it as the user of the package. */
  #owner(): { readonly uid?: number; readonly gid?: number; readonly cwd: string } {
    if (userInfo().uid !== 0) return { cwd: this.#folder };
    const id = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
    return { uid: id('-u'), gid: id('-g'), cwd: this.#folder };
  }
}
