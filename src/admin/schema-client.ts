import type * as z from 'zod/mini';
import type { Clock } from '../core/clock.js';
import { definedFields } from '../core/defined-fields.js';
import { ClerkError, errorMessage, isClerkError } from '../core/errors.js';
import { paths } from '../protocol/paths.js';
import { exportResponse } from '../protocol/response-schemas.js';
import { describeIssue } from '../protocol/schema-issues.js';
import type { RegistryConnection, RegistryRequest, RegistryResponse } from '../registry-client/connection.js';
import { FailoverClient } from '../registry-client/failover-client.js';
import type { ServerDiscovery } from '../registry-client/learned-servers.js';
import { expectBody } from '../registry-client/json-response.js';
import { RequestLimit, runWithinLimit, type RequestLimitOptions } from '../registry-client/request-limit.js';
import { LineBatches } from './line-batches.js';
import { defaultTimeoutMs } from './request-timeout.js';
import type { AdminRequestOptions } from './admin-request-options.js';

export type ResponseSchema<T> = z.core.$ZodType<T> & {
  safeParse(value: unknown): z.core.util.SafeParseResult<T>;
};

/** Options of a request to the registry. */
export interface SchemaRequest extends AdminRequestOptions {
  readonly query?: RegistryRequest['query'];
  readonly maxResponseBytes?: number;
  /** Time limit, in ms. Default: the timeout of the client. */
  readonly timeoutMs?: number;
  /** Additional time, in ms, in which the registry itself can report its timeout. Default 0. */
  readonly graceMs?: number;
}

export interface SchemaClientOptions {
  readonly connections: readonly RegistryConnection[];
  readonly discovery?: ServerDiscovery;
  readonly clock: Clock;
  /** Time limit of a request, in ms. If undefined, the default of the request applies, or {@link defaultTimeoutMs}. */
  readonly timeoutMs: number | undefined;
}

/**
 * Client of the servers of one registry. Checks each response with the schema of its message. A read tries each server
 * until one responds. A change tries another server only if no earlier server can have received the change.
 */
export class SchemaClient {
  readonly #client: FailoverClient;
  readonly #clock: Clock;
  readonly timeoutMs: number | undefined;
  #isClosed = false;

  constructor({ connections, discovery, clock, timeoutMs }: SchemaClientOptions) {
    this.#client = new FailoverClient(connections, clock, discovery);
    this.#clock = clock;
    this.timeoutMs = timeoutMs;
  }

  get<T>(path: string, schema: ResponseSchema<T>, options: SchemaRequest = {}): Promise<T> {
    const { query, maxResponseBytes } = options;
    return this.#run(path, options, (signal, headersTimeoutMs) => {
      const request = definedFields({ path, headersTimeoutMs, query, maxResponseBytes });
      return this.#client.request(request, { signal, hedged: true, parse: parser(path, schema) });
    });
  }

  post<T>(path: string, schema: ResponseSchema<T>, body: object, options: SchemaRequest = {}): Promise<T> {
    return this.#run(path, options, (signal, headersTimeoutMs) => {
      const request = definedFields({ path, headersTimeoutMs, body, query: options.query });
      return this.#client.requestChange(request, { signal, parse: parser(path, schema) });
    });
  }

  /**
   * Yields the lines of an export in the batches in which they arrive. The timeout limits the wait for each batch. It
   * does not include the time in which the caller uses a batch.
   *
   * @throws {@link ClerkError} when the export is incomplete; the message states the number of lines
   */
  async *export(options: AdminRequestOptions = {}): AsyncGenerator<readonly object[], void, void> {
    const path = paths.export;
    const limit = new RequestLimit(this.#limitOptions(path, options));
    const batches = new LineBatches();
    let count = 0;
    const onLines = (lines: readonly unknown[]): Promise<void> => {
      const valid = parsed(path, exportResponse, lines, 'the registry');
      count += valid.length;
      // The timeout pauses while the caller uses the lines, because a slow caller is not a fault of the registry.
      limit.pause();
      return batches.put(valid).then(() => limit.restart());
    };
    const parse = (response: RegistryResponse, connection: RegistryConnection): void => {
      const body = expectBody(response, connection, path);
      if (body !== undefined) parsed(path, exportResponse, body, connection.url);
    };
    const headersTimeoutMs = this.timeoutMs ?? defaultTimeoutMs;
    const request = { path, headersTimeoutMs, onLines };
    batches.endWith(
      this.#client.requestLines(request, { signal: limit.signal, hasLines: () => count > 0, parse }),
    );
    try {
      yield* batches.all();
    } catch (error) {
      const reason = limit.errorOf(error);
      throw count === 0 || reason !== error ? reason : incompleteError(error, count);
    } finally {
      limit.end();
      limit.cancel();
    }
  }

  close(): Promise<void> {
    this.#isClosed = true;
    return this.#client.close();
  }

  async #run<T>(
    path: string,
    options: SchemaRequest,
    send: (signal: AbortSignal, headersTimeoutMs: number) => Promise<T>,
  ): Promise<T> {
    const { timeoutMs = this.timeoutMs ?? defaultTimeoutMs, graceMs = 0 } = options;
    const limits = this.#limitOptions(path, options);
    return runWithinLimit(limits, (signal) => send(signal, timeoutMs + graceMs));
  }

  #limitOptions(path: string, options: SchemaRequest): RequestLimitOptions {
    const { signal, timeoutMs = this.timeoutMs ?? defaultTimeoutMs, graceMs = 0 } = options;
    const subject = `The request to ${path}`;
    if (this.#isClosed)
      throw new ClerkError(
        'CLERK_CLOSED',
        `${subject} was not sent, because this RegistryAdmin is closed; call administer() to create another one`,
      );
    return {
      clock: this.#clock,
      timeoutMs: timeoutMs + graceMs,
      signal,
      keepsAlive: true,
      subject,
      urls: this.#client.connections.map(({ url }) => url),
    };
  }
}

function parser<T>(
  path: string,
  schema: ResponseSchema<T>,
): (response: RegistryResponse, connection: RegistryConnection) => T {
  return (response, connection) =>
    parsed(path, schema, expectBody(response, connection, path), connection.url);
}

function parsed<T>(path: string, schema: ResponseSchema<T>, body: unknown, url: string): T {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  throw new ClerkError(
    'REGISTRY_INVALID',
    `The response to ${path} at ${url} is invalid: ${describeIssue(result.error.issues[0])}; check that the URL belongs to a registry of the same version as this program`,
  );
}

function incompleteError(error: unknown, count: number): ClerkError {
  return new ClerkError(
    isClerkError(error) ? error.code : 'REGISTRY_UNREACHABLE',
    `The export ended early, after ${count} ${count === 1 ? 'line' : 'lines'}: ${errorMessage(error)}; the output is incomplete, so discard the output and repeat the export`,
    { cause: error },
  );
}
