/**
 * A position in the changes of a registry: `<incarnation>:<revision>:<mark>`. A position is also the id of the events
 * of a watch. The mark proves that the registry created the position.
 *
 * Each response has the current position in this header. Each request has the last position that the client has seen,
 * or, separated by a comma, the last positions of two incarnations.
 *
 * @see [A24](../../docs/guarantees.md#a24)
 */
export const positionHeader = 'clerk-position';

export interface Position {
  readonly incarnation: string;
  readonly revision: string;
}

/** Returns undefined for a text in another form. The mark may be missing. */
export function parsePosition(text: string): Position | undefined {
  const match = /^([^:]*):([0-9]{1,64})(?::[\x21-\x7e]{0,128})?$/.exec(text);
  return match === null ? undefined : { incarnation: match[1] as string, revision: match[2] as string };
}
