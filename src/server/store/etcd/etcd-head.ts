import { emptyLog, type LogPoint } from '../../shared-log.js';

/**
 * Returns the value of the key `head`: position, a space and the identifier. Equal points have equal values, so etcd
 * can compare them.
 */
export function encodePoint({ position, id }: LogPoint): string {
  return `${String(position)} ${id}`;
}

/** Returns undefined if the text is not a point. */
export function decodePoint(text: string): LogPoint | undefined {
  const [, digits, id = ''] = /^([0-9]{1,16}) ([0-9a-z-]{0,64})$/.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const position = Number(digits);
  return position === 0 ? emptyLog : { position, id };
}
