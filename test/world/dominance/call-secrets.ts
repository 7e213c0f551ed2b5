import type { CallKind } from 'binding-clerk';
import type { MemoryRequest } from 'binding-clerk/testing';
import type { CallRecord } from '../oracle.js';

/** HTTP method of each kind of call. */
export const methodOfKind: Readonly<Record<CallKind, string>> = {
  safe: 'GET',
  idempotent: 'PUT',
  once: 'POST',
};

/** The headers of a call. Their values belong to that call alone. */
export function secretHeaders({ id, kind }: CallRecord): Record<string, string> {
  return { 'X-Call-Id': id, 'X-Secret': secretOf(id), 'X-Kind': kind };
}

/** The body of a call, which belongs to that call alone. */
export function secretBody(id: string): string {
  return `{"body":"${secretOf(id)}"}`;
}

/** Id of the call that a path belongs to; undefined for a path of no call. */
export function callIdOfPath(path: string): string | undefined {
  return /^\/[a-z]+\/(c[0-9]+-[0-9]+)/.exec(path)?.[1];
}

/** What an endpoint received that belongs to another call, or did not receive; undefined when all is right. */
export function findLeak(call: CallRecord, request: MemoryRequest): string | undefined {
  const { method, headers, body } = request;
  const expected = methodOfKind[call.kind];
  if (method !== expected) return `the method ${method} in place of ${expected}`;
  for (const [name, value] of Object.entries(secretHeaders(call))) {
    const received = headers[name.toLowerCase()];
    if (received !== value) return `the header ${name}: ${String(received)} in place of ${value}`;
  }
  if (call.kind === 'safe')
    return body === undefined || body === null ? undefined : `a body: ${describe(body)}`;
  // `fetch` makes a stream of some bodies, which servers in memory do not read.
  const isReadable = typeof body === 'string' || body instanceof Uint8Array;
  if (!isReadable) return body === undefined || body === null ? 'no body' : undefined;
  const text = typeof body === 'string' ? body : Buffer.from(body).toString();
  return text === secretBody(call.id) ? undefined : `the body ${text}`;
}

function describe(body: unknown): string {
  return typeof body === 'string' ? body : Object.prototype.toString.call(body);
}

function secretOf(id: string): string {
  return `secret of ${id}`;
}
