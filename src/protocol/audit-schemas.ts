import * as z from 'zod/mini';
import type { AuditRequest, AuditResponse } from './audit-messages.js';
import { assertAllTrue, type SchemaMatches } from './schema-types.js';

const string = z.string();
const count = z.int().check(z.gte(0));

export const auditRequest = z.strictObject({
  since: z.exactOptional(string),
  principal: z.exactOptional(string),
  name: z.exactOptional(string),
  after: z.exactOptional(string),
  limit: z.exactOptional(string),
  waitMs: z.exactOptional(string),
});

const auditLine = z.object({
  seq: count,
  at: string,
  kind: z.enum(['change', 'failure', 'refusal', 'refusals', 'ticket', 'tickets', 'gap', 'start', 'stop']),
  operation: z.exactOptional(string),
  names: z.exactOptional(z.array(string)),
  nameCount: z.exactOptional(count),
  principal: z.exactOptional(string),
  key: z.exactOptional(string),
  from: z.exactOptional(string),
  right: z.exactOptional(string),
  by: z.exactOptional(string),
  result: z.exactOptional(string),
  revision: z.exactOptional(string),
  details: z.exactOptional(z.record(string, z.union([string, z.number(), z.boolean(), z.array(string)]))),
  count: z.exactOptional(count),
  since: z.exactOptional(string),
  missingFrom: z.exactOptional(count),
});

export const auditResponse = z.object({ lines: z.array(auditLine), next: string, more: z.boolean() });

assertAllTrue<
  [SchemaMatches<typeof auditRequest, AuditRequest>, SchemaMatches<typeof auditResponse, AuditResponse>]
>();
