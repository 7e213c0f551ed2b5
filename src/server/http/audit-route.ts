import { describeValue } from '../../core/describe-value.js';
import { isName, parseName } from '../../core/name.js';
import { parseIsoTime } from '../../core/parse-iso-time.js';
import type { AuditLine, AuditRequest, AuditResponse } from '../../protocol/audit-messages.js';
import { auditRequest, auditResponse } from '../../protocol/audit-schemas.js';
import { limits } from '../../protocol/limits.js';
import { paths } from '../../protocol/paths.js';
import { HttpError } from './http-error.js';
import type { RequestAudit } from './request-audit.js';
import { route, type RouteContext } from './routes.js';

const defaultLines = 100;
/** Maximum time that a request waits for lines, in ms. It must be shorter than the idle timeout of the connection. */
const maxWaitMs = 20_000;
/** Maximum number of requests of one principal that wait for lines at the same time. */
const maxReaders = 16;

export const auditRoute = route({
  method: 'GET',
  path: paths.audit,
  summary:
    'Returns a page of the audit log, oldest lines first. Needs the right admin on the name in the query key name, or on / without this key. With waitMs, waits for the first line',
  requestSchema: auditRequest,
  errorCodes: ['NAME_INVALID', 'NAME_NOT_FOUND', 'FORBIDDEN', 'LIMIT_EXCEEDED'],
  queryDescriptions: {
    since: 'only lines from this time on; a time such as 2030-01-31T12:00:00Z',
    principal: 'only requests of this principal',
    name: 'only lines in which every name is this name or a name below it',
    after: 'only lines after this position: the number (seq) of a line, or next of the previous page',
    limit: `maximum number of lines, 1 to ${limits.maxBatch}; default ${defaultLines}`,
    waitMs: `maximum time to wait for the first line, 0 to ${maxWaitMs}, in ms; default 0`,
  },
  responseSchema: auditResponse,
  run: readAudit,
});

async function readAudit(request: AuditRequest, context: RouteContext): Promise<AuditResponse> {
  const { audit, caller } = context;
  if (audit === undefined)
    throw new HttpError(
      'FORBIDDEN',
      'This server has no audit log; restart the server with a data folder and with --audit',
    );
  const query = {
    since: sinceOf(request),
    after: request.after,
    maxLines: integerOf('limit', request.limit, 1, limits.maxBatch) ?? defaultLines,
    waitMs: integerOf('waitMs', request.waitMs, 0, maxWaitMs) ?? 0,
    isWanted: filterOf(request, context),
  };
  if (query.waitMs === 0) return audit.log.read({ ...query, signal: new AbortController().signal });
  return whileReading(audit, caller.principal, () => audit.log.read({ ...query, signal: context.signal() }));
}

/** @throws {@link ClerkError} `FORBIDDEN` when the caller lacks the right `admin` */
function filterOf(
  { name: text, principal }: AuditRequest,
  { secured }: RouteContext,
): (line: AuditLine) => boolean {
  const isOfPrincipal = (line: AuditLine): boolean => principal === undefined || line.principal === principal;
  if (text === undefined) {
    secured?.rights.requireOnRoot('admin');
    return isOfPrincipal;
  }
  const name = parseName(text);
  secured?.rights.require(name, 'admin');
  const isVisible = (each: string): boolean =>
    (each === name || each.startsWith(`${name}/`)) &&
    (secured === undefined || (isName(each) && !each.startsWith('/#') && secured.rights.has(each, 'admin')));
  // `nameCount` is set if a line does not list all its names. Such a line is omitted, because the unlisted names may be
  // hidden from the caller.
  return (line) =>
    isOfPrincipal(line) &&
    line.nameCount === undefined &&
    line.names !== undefined &&
    line.names.length > 0 &&
    line.names.every(isVisible);
}

async function whileReading<T>(audit: RequestAudit, principal: string, read: () => Promise<T>): Promise<T> {
  if (!audit.readers.tryAcquire(principal, maxReaders))
    throw new HttpError(
      'LIMIT_EXCEEDED',
      `A principal can have at most ${maxReaders} requests that wait for lines of the audit log; end one of these requests first`,
    );
  try {
    return await read();
  } finally {
    audit.readers.release(principal);
  }
}

function sinceOf({ since }: AuditRequest): number | undefined {
  if (since === undefined) return undefined;
  const ms = parseIsoTime(since);
  if (ms !== undefined) return ms;
  throw new HttpError(
    'CONFIG_INVALID',
    `Query key 'since' must be a time such as 2030-01-31T12:00:00Z; got ${describeValue(since)}`,
  );
}

function integerOf(key: string, text: string | undefined, min: number, max: number): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  throw new HttpError(
    'CONFIG_INVALID',
    `Query key '${key}' must be an integer from ${min} to ${max}; got ${describeValue(text)}`,
  );
}
