import type { IncomingMessage } from 'node:http';
import { isClerkError, type ClerkErrorCode } from '../../core/errors.js';
import { isName } from '../../core/name.js';
import { Quotas } from '../../core/quotas.js';
import type { StatusResponse } from '../../protocol/status-messages.js';
import type { AccessGrant, AuditEntry, AuditLog, Caller, NameService } from '../ports.js';
import {
  auditedOperations,
  namesIn,
  operationName,
  addDetails,
  type AuditedOperation,
} from './audited-operations.js';
import { unmapIpv4 } from './host-check.js';
import { parseQuery, targetPath } from './query.js';
import { isHiddenName } from './request-rights.js';
import type { Security } from './security.js';

/** Codes of rejected requests. `NAME_NOT_FOUND` is a rejection only if the caller may not see the name. */
const refusalCodes: ReadonlySet<ClerkErrorCode> = new Set([
  'IDENTITY_INVALID',
  'TICKET_REFUSED',
  'FORBIDDEN',
  'NAME_MISMATCH',
  'LIMIT_EXCEEDED',
  'CHANGE_TOO_EARLY',
]);

/** Codes of changes that failed and may have had an effect. */
const failureCodes: ReadonlySet<ClerkErrorCode> = new Set([
  'START_FAILED',
  'REGISTRY_UNREACHABLE',
  'DEADLINE_EXCEEDED',
  'CLERK_CLOSED',
  'ABORTED',
]);

const ticketOperation: AuditedOperation = { name: 'ticket', right: 'call' };

export interface RequestAuditOptions {
  readonly log: AuditLog;
  readonly names: Pick<NameService, 'canonicalOf'>;
  readonly security: Security | undefined;
}

type MutableEntry = { -readonly [Field in keyof AuditEntry]: AuditEntry[Field] };

/** The client of a request. The key of the client need not be enrolled. */
type Client = Pick<Partial<Caller>, 'principal' | 'pin'>;

/**
 * Records requests in the audit log: each completed change, each rejected request and each issued ticket.
 *
 * @see [C7.9](../../../docs/guarantees.md#c7-9)
 */
export class RequestAudit {
  readonly log: AuditLog;
  /** Requests that wait for new lines, by principal. */
  readonly readers = new Quotas();
  readonly #names: Pick<NameService, 'canonicalOf'>;
  readonly #security: Security | undefined;
  /** Inputs of failed POST requests, for the audit entry of the error. */
  readonly #inputs = new WeakMap<IncomingMessage, unknown>();

  constructor({ log, names, security }: RequestAuditOptions) {
    this.log = log;
    this.#names = names;
    this.#security = security;
  }

  /**
   * Runs the operation of a request, and records its change before the response is sent. Rejects changes while the
   * audit log cannot be written.
   *
   * @throws {@link ClerkError} `REGISTRY_UNREACHABLE` when the change cannot be recorded; any error of `operate`
   */
  async run(
    path: string,
    input: unknown,
    incoming: IncomingMessage,
    client: Client,
    operate: () => unknown,
  ): Promise<unknown> {
    const operation = incoming.method === 'POST' ? auditedOperations.get(path) : undefined;
    const end = operation && this.log.startChange();
    try {
      if (operation === undefined) return await operate();
      if (this.log.failure !== undefined) throw this.log.failure;
      const entry: MutableEntry = { operation: operation.name, names: namesIn(input), result: 'ok' };
      this.#addClient(entry, client, incoming);
      // The grant is recorded before the change, because the change may remove the right that permits it.
      this.#addGrant(entry, operation, client, input);
      const response = (await operate()) as Readonly<Record<string, unknown>>;
      if (operation.isChange?.(response) === false) return response;
      if (typeof response.revision === 'string') entry.revision = response.revision;
      addDetails(entry, input, operation.requestFields);
      addDetails(entry, response, operation.responseFields);
      await this.log.recordChange(entry);
      return response;
    } catch (error) {
      this.#inputs.set(incoming, input);
      throw error;
    } finally {
      end?.();
    }
  }

  /** Records a ticket that was issued to a client. */
  recordTicket(incoming: IncomingMessage, client: Client, service: string): void {
    const entry: MutableEntry = { operation: 'ticket', names: [service], result: 'ok' };
    this.#addClient(entry, client, incoming);
    this.#addGrant(entry, ticketOperation, client, { name: service });
    this.log.recordTicket(entry);
  }

  /** Records a rejected request or a failed change. Ignores all other errors, such as those of invalid requests. */
  recordError(incoming: IncomingMessage, client: Client | undefined, error: unknown): void {
    const method = incoming.method ?? '';
    const path = targetPath(incoming.url ?? '');
    const operation = method === 'POST' ? auditedOperations.get(path) : undefined;
    const code = isClerkError(error) ? error.code : 'REGISTRY_UNREACHABLE';
    const isRefusal = refusalCodes.has(code) || isHiddenName(error);
    if (!isRefusal && (operation === undefined || !failureCodes.has(code))) return;
    const input = this.#inputs.get(incoming) ?? queryOf(incoming);
    const entry: MutableEntry = {
      operation: operationName(method, path),
      names: namesIn(input),
      result: code,
    };
    this.#addClient(entry, client ?? {}, incoming);
    if (operation?.right !== undefined) entry.right = operation.right;
    addDetails(entry, input, operation?.requestFields);
    this.log.recordError(isRefusal ? 'refusal' : 'failure', entry);
  }

  #addClient(entry: MutableEntry, { principal, pin }: Client, { socket }: IncomingMessage): void {
    const key = pin ?? this.#security?.connectionKeys.keyOf(socket)?.pin;
    const address = socket.remoteAddress;
    if (principal !== undefined) entry.principal = principal;
    if (key !== undefined) entry.key = key;
    if (address !== undefined) entry.from = unmapIpv4(address);
  }

  /** Adds the right of a change and what granted it. An open server has no rights to add. */
  #addGrant(
    entry: MutableEntry,
    { right, grantedBy }: AuditedOperation,
    client: Client,
    input: unknown,
  ): void {
    if (grantedBy !== undefined) entry.by = grantedBy(input);
    const { principal } = client;
    if (this.#security === undefined || right === undefined || principal === undefined) return;
    entry.right = right;
    const name = this.#targetOf(entry.names?.[0] ?? '');
    const grant = name && this.#security.identities.access({ ...client, principal }, name, right);
    if (grant) entry.by = describeGrant(grant);
  }

  /** Returns the name on which a right was checked; for a glob, the directory before its first wildcard. */
  #targetOf(text: string): string | undefined {
    const at = text.search(/\/[^/]*[*?]/);
    const name = at < 0 ? text : text.slice(0, at) || '/';
    if (name !== '/' && !isName(name)) return undefined;
    return name.startsWith('/#') ? this.#names.canonicalOf(name) : name;
  }
}

/** Returns the status, with an additional problem while the audit log cannot be written. */
export function withAuditProblem<Status extends StatusResponse>(
  status: Status,
  audit: RequestAudit | undefined,
): Status {
  const failure = audit?.log.failure;
  if (failure === undefined) return status;
  const problem = { part: 'audit', message: failure.message } as const;
  return { ...status, degraded: true, problems: [...(status.problems ?? []), problem] };
}

/** Returns the query of a GET request; undefined if it is invalid. */
function queryOf({ method, url = '' }: IncomingMessage): unknown {
  if (method === 'POST') return undefined;
  try {
    return parseQuery(url);
  } catch {
    return undefined;
  }
}

function describeGrant(grant: AccessGrant): string {
  if (grant.kind === 'own-name') return 'own name';
  const { directory, triple, groups } = grant;
  const through = groups.length === 0 ? '' : ` through ${groups.join(', ')}`;
  return `${directory}: ${triple.principal} on ${triple.path}${through}`;
}
