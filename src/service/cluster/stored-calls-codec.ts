import type { CallLookup, CallResult, StoredResponse } from '../../core/idempotency-store.js';

/** The body is base64, because the messages between processes are JSON. */
interface ResponseMessage extends Omit<StoredResponse, 'body'> {
  readonly body: string;
}

export function encodeCall(call: CallLookup | CallResult): object {
  if (call.state !== 'done' || call.response === undefined) return call;
  const body = Buffer.from(call.response.body).toString('base64');
  return { ...call, response: { ...call.response, body } satisfies ResponseMessage };
}

export function decodeCall(message: unknown): CallLookup | CallResult {
  const call = message as (CallLookup | CallResult) & { readonly response?: ResponseMessage };
  if (call.state !== 'done') return call;
  const { response } = call;
  return {
    ...call,
    response: response && { ...response, body: new Uint8Array(Buffer.from(response.body, 'base64')) },
  };
}
