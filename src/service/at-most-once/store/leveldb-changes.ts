/**
 * How the record of a call changes in a folder: it comes once, ends with `done` at the latest, and goes. Each change
 * looks at the record as it is when it is written, whatever was there when it was asked for.
 */
import type { CallRecord, CallResult } from '../../../core/idempotency-store.js';
import { responseKey, decodeCall, encodeResponse, encodeCall } from './leveldb-records.js';
import type { KeyChange } from './group-commit.js';

/** It is running from now on, unless it is known. */
export function beginChange(key: string, { fingerprint, owner }: CallRecord): KeyChange {
  const text = encodeCall(key, { state: 'running', fingerprint, owner });
  return { key, update: (now) => (now === undefined ? { text } : undefined) };
}

/** It has ended, unless it was forgotten, has an answer already, or is damaged. */
export function endChange(key: string, how: CallResult): KeyChange {
  const answer = how.state === 'done' ? how.response : undefined;
  const responseAt = responseKey(key);
  const responseUpdate = { key: responseAt, text: answer && encodeResponse(responseAt, answer) };
  return {
    key,
    update: (now) => {
      const record = now === undefined ? undefined : decodeCall(key, now);
      if (record === undefined || record.state === 'done') return undefined;
      const { fingerprint } = record;
      const after =
        how.state === 'done'
          ? ({ state: 'done', fingerprint, hasResponse: answer !== undefined } as const)
          : ({ state: 'interrupted', fingerprint } as const);
      return { text: encodeCall(key, after), response: responseUpdate };
    },
  };
}

/** It goes, and its answer with it. */
export function deleteChange(key: string): KeyChange {
  return { key, update: () => ({ text: undefined, response: { key: responseKey(key), text: undefined } }) };
}
