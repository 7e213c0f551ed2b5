import { withTimeout } from '../../../core/clock.js';
import { StoreHttpError, type StoreHttp, type StoreResponse } from '../../../core/store-http.js';
import { ClerkError, errorMessage } from '../../../core/errors.js';
import {
  bulkCall,
  defaultAttemptMs,
  StoreFailover,
  type StoreCallOptions,
  type StoreClock,
} from '../store-failover.js';
import type { EtcdTarget, StoreCredentials } from '../store-url.js';
import { EtcdError, toEtcdError } from './etcd-error.js';

export interface GatewayStreamListener {
  onMessage(message: unknown): void;
  /** Called once, when the stream has ended. */
  onEnd(): void;
}

/**
 * Sends requests to the JSON gateways of an etcd cluster. Logs in if the store URL contains a user.
 *
 * @see [etcd: gRPC gateway](https://etcd.io/docs/latest/dev-guide/api_grpc_gateway/)
 */
export class EtcdGateway {
  readonly #target: EtcdTarget;
  readonly #http: StoreHttp;
  readonly #clock: StoreClock;
  readonly #members: StoreFailover;
  /** Describes the store in error messages. */
  readonly subject: string;
  #api = '/v3';
  #token: string | undefined;
  #login: Promise<void> | undefined;

  constructor(target: EtcdTarget, clock: StoreClock, http: StoreHttp) {
    this.#target = target;
    this.#http = http;
    this.#clock = clock;
    this.subject = `The store ${target.label}`;
    this.#members = new StoreFailover(target.origins, clock, this.subject, (error) => {
      if (error instanceof StoreHttpError) return { isUnsent: error.isUnsent };
      return error instanceof EtcdError && error.kind === 'retry' ? { isUnsent: false } : undefined;
    });
  }

  /**
   * Checks the version of etcd, and logs in if the store URL contains a user.
   *
   * @throws {@link ClerkError} `CONFIG_INVALID` when the version is not supported, or only one side uses TLS;
   *   `FORBIDDEN` when etcd rejects the user; `REGISTRY_UNREACHABLE` when no member has responded
   */
  async connect(): Promise<void> {
    const body = await this.#version().catch(async (error: unknown) => {
      await this.#refuseOtherScheme();
      throw error;
    });
    this.#api = apiOf(body, this.subject);
    await this.renewToken();
  }

  /**
   * Resolves with the response of etcd. A failed request is retried at the other members.
   *
   * @throws {@link EtcdError} of kind `compacted`, `lease` or `final`
   * @throws {@link ClerkError} `REGISTRY_UNREACHABLE` when no member has responded
   */
  async call(path: string, message: object, options: StoreCallOptions = {}): Promise<unknown> {
    const body = JSON.stringify(message);
    const response = await this.#members.call(options, async (member, timeoutMs) => {
      for (let isFirst = true; ; isFirst = false) {
        const token = this.#token;
        const answer = await this.#post(member, path, body, timeoutMs);
        if (answer.status < 400) return answer;
        const error = this.#errorOf(answer);
        if (error.kind !== 'token' || !isFirst || this.#target.credentials === undefined) throw error;
        await withTimeout(
          this.#clock,
          timeoutMs,
          this.#logInAfter(token),
          () => new StoreHttpError('etcd did not respond to the login in time', true),
        );
      }
    });
    return this.#parse(response.body);
  }

  /**
   * Opens a stream to the member that responded last.
   *
   * @returns a function that closes the stream
   */
  openStream(path: string, message: object, listener: GatewayStreamListener): () => void {
    const member = this.#members.current;
    const token = this.#token;
    return this.#http.openStream(
      {
        origin: this.#target.origins[member] as string,
        path: this.#api + path,
        method: 'POST',
        headers: this.#headers(),
        body: JSON.stringify(message),
        timeoutMs: defaultAttemptMs,
      },
      {
        onLine: (line) => {
          if (line !== '') listener.onMessage(this.#parse(line));
        },
        onEnd: (_error, response) => {
          if (response === undefined) this.#members.leave(member);
          else if (this.#errorOf(response).kind === 'token') this.#logInAfter(token).catch(() => undefined);
          listener.onEnd();
        },
      },
    );
  }

  /** Logs in again and replaces the token. */
  renewToken(): Promise<void> {
    return this.#logInAfter(this.#token);
  }

  async close(): Promise<void> {
    this.#members.close();
    await this.#http.close();
  }

  async #version(): Promise<string> {
    const { body } = await this.#members.call({}, async (member, timeoutMs) => {
      const response = await this.#send(member, { path: '/version', method: 'GET', timeoutMs });
      if (response.status >= 400) throw this.#errorOf(response);
      return response;
    });
    return body;
  }

  /**
   * Tries the other scheme, and throws a clear error if the other scheme works. etcd itself closes a connection with
   * the wrong scheme without an error message.
   */
  async #refuseOtherScheme(): Promise<void> {
    const given = this.#target.origins[0] as string;
    const usesTls = given.startsWith('https:');
    const origin = given.replace(/^https?/, usesTls ? 'http' : 'https');
    try {
      await this.#http.request({ origin, path: '/version', method: 'GET', timeoutMs: defaultAttemptMs });
    } catch (error) {
      // If this client rejects the certificate, the member uses TLS.
      if (usesTls || !(error instanceof StoreHttpError) || !/CERT|SIGNATURE/.test(codeOf(error))) return;
    }
    throw new ClerkError(
      'CONFIG_INVALID',
      usesTls
        ? `${this.subject} does not use TLS at ${given}; use etcd:// in place of etcds://, or start etcd with --cert-file`
        : `${this.subject} accepts only TLS at ${given}; use etcds:// in place of etcd://, and ca=FILE if the certificate is from a private authority`,
    );
  }

  #post(
    member: number,
    path: string,
    body: string,
    timeoutMs: number,
    headers = this.#headers(),
  ): Promise<StoreResponse> {
    return this.#send(member, { path: this.#api + path, method: 'POST', headers, body, timeoutMs });
  }

  async #send(
    member: number,
    request: Omit<Parameters<StoreHttp['request']>[0], 'origin'>,
  ): Promise<StoreResponse> {
    const origin = this.#target.origins[member] as string;
    try {
      return await this.#http.request({ origin, ...request });
    } catch (error) {
      if (error instanceof StoreHttpError) this.#throwTlsError(error, origin);
      throw error;
    }
  }

  #headers(): Record<string, string> {
    return this.#token === undefined ? {} : { authorization: this.#token };
  }

  /** Logs in if `expired` is still the current token, so that concurrent requests share one login. */
  async #logInAfter(expired: string | undefined): Promise<void> {
    const { credentials } = this.#target;
    if (credentials === undefined || this.#token !== expired) return;
    this.#login ??= this.#logIn(credentials).finally(() => (this.#login = undefined));
    await this.#login;
  }

  async #logIn({ user, password }: StoreCredentials): Promise<void> {
    const body = JSON.stringify({ name: user, password });
    // etcd hashes the password, which can take seconds on a busy machine. Therefore the timeout is longer.
    const response = await this.#members.call(bulkCall, async (member, timeoutMs) => {
      // No token is sent, because etcd would reject an expired token here too.
      const answer = await this.#post(member, '/auth/authenticate', body, timeoutMs, {});
      if (answer.status < 400) return answer;
      // If authentication is disabled in etcd, the user of the URL is ignored, as in other etcd clients.
      if (/authentication is not enabled/.test(answer.body)) return undefined;
      throw this.#errorOf(answer);
    });
    if (response === undefined) {
      this.#token = undefined;
      return;
    }
    const { token } = this.#parse(response.body) as { token?: unknown };
    if (typeof token !== 'string')
      throw new ClerkError(
        'REGISTRY_INVALID',
        `${this.subject} did not return a token after the login; check that host and port belong to etcd`,
      );
    this.#token = token;
  }

  #errorOf(response: StoreResponse): EtcdError {
    return toEtcdError(response, this.subject, this.#target.prefix);
  }

  #throwTlsError(error: StoreHttpError, origin: string): void {
    const code = codeOf(error);
    const message = errorMessage(error);
    if (/^ERR_SSL|^EPROTO$/.test(code))
      throw new ClerkError(
        'CONFIG_INVALID',
        `${this.subject} rejects the TLS connection at ${origin}: ${message}; set a client certificate with cert=FILE&key=FILE in the store URL, or use etcd:// if etcd does not use TLS`,
        { cause: error },
      );
    if (/CERT|SIGNATURE|^ERR_TLS/.test(code))
      throw new ClerkError(
        'CONFIG_INVALID',
        `${this.subject} has an untrusted certificate at ${origin}: ${message}; set the authority with ca=FILE in the store URL, and use a host name of the certificate`,
        { cause: error },
      );
  }

  #parse(text: string): unknown {
    try {
      return JSON.parse(text) as unknown;
    } catch (cause) {
      throw new ClerkError(
        'REGISTRY_INVALID',
        `${this.subject} sent a response that is not JSON; check that host and port belong to etcd`,
        { cause },
      );
    }
  }
}

function codeOf({ cause }: StoreHttpError): string {
  return (cause as NodeJS.ErrnoException | undefined)?.code ?? '';
}

/** Returns the path of the gateway in this release of etcd. */
function apiOf(body: string, subject: string): string {
  const [, major = '', minor = ''] = /"etcdserver"\s*:\s*"(\d+)\.(\d+)\./.exec(body) ?? [];
  if (major === '')
    throw new ClerkError(
      'CONFIG_INVALID',
      `${subject} does not respond to GET /version like etcd; check that host and port belong to etcd`,
    );
  if (major !== '3' || Number(minor) < 3)
    throw new ClerkError(
      'CONFIG_INVALID',
      `${subject} must be etcd 3.3 or a later 3.x; got ${major}.${minor}; update etcd`,
    );
  return minor === '3' ? '/v3beta' : '/v3';
}
