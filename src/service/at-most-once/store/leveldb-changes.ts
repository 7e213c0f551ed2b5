/**
 * Changes of the record of a call. The state is first `running`, then perhaps `interrupted`, then `done`. A record with
 * the state `done` does not change.
 */
import type { CallRecord, CallResult } from '../../../core/idempotency-store.js';
import { responseKey, decodeCall, encodeResponse, encodeCall } from './leveldb-records.js';
import type { KeyChange } from './group-commit.js';

/** Returns a change that adds a record for a running call, unless the call already has a record. */
export function beginChange(key: string, { fingerprint, owner }: CallRecord): KeyChange {
  const text = encodeCall(key, { state: 'running', fingerprint, owner });
  return { key, update: (current) => (current === undefined ? { text } : undefined) };
}

/** Returns a change that stores the end of a call, unless the record is missing, damaged, or already `done`. */
export function endChange(key: string, result: CallResult): KeyChange {
  const response = result.state === 'done' ? result.response : undefined;
  const responseAt = responseKey(key);
  const responseUpdate = { key: responseAt, text: response && encodeResponse(responseAt, response) };
  return {
    key,
    update: (current) => {
      const record = current === undefined ? undefined : decodeCall(key, current);
      if (record === undefined || record.state === 'done') return undefined;
      const { fingerprint } = record;
      const after =
        result.state === 'done'
          ? ({ state: 'done', fingerprint, hasResponse: response !== undefined } as const)
          : ({ state: 'interrupted', fingerprint } as const);
      return { text: encodeCall(key, after), response: responseUpdate };
    },
  };
}

/** Returns a change that deletes the record and the response of a call. */
export function deleteChange(key: string): KeyChange {
  return { key, update: () => ({ text: undefined, response: { key: responseKey(key), text: undefined } }) };
}
