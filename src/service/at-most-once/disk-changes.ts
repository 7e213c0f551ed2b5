/**
 * How the record of a call changes in a folder: it comes once, ends with `done` at the latest, and goes. Each change
 * looks at the record as it is when it is written, whatever was there when it was asked for.
 */
import type { BegunCall, EndedCall } from '../../core/call-store.js';
import { answerKey, readCall, writtenAnswer, writtenCall } from './disk-records.js';
import type { Change } from './group-commit.js';

/** It is running from now on, unless it is known. */
export function begun(key: string, { fingerprint, owner }: BegunCall): Change {
  const text = writtenCall(key, { state: 'running', fingerprint, owner });
  return { key, next: (now) => (now === undefined ? { text } : undefined) };
}

/** It has ended, unless it was forgotten, has an answer already, or is damaged. */
export function ended(key: string, how: EndedCall): Change {
  const answer = how.state === 'done' ? how.answer : undefined;
  const place = answerKey(key);
  const beside = { key: place, text: answer && writtenAnswer(place, answer) };
  return {
    key,
    next: (now) => {
      const record = now === undefined ? undefined : readCall(key, now);
      if (record === undefined || record.state === 'done') return undefined;
      const { fingerprint } = record;
      const after =
        how.state === 'done'
          ? ({ state: 'done', fingerprint, isKept: answer !== undefined } as const)
          : ({ state: 'lost', fingerprint } as const);
      return { text: writtenCall(key, after), beside };
    },
  };
}

/** It goes, and its answer with it. */
export function gone(key: string): Change {
  return { key, next: () => ({ text: undefined, beside: { key: answerKey(key), text: undefined } }) };
}
