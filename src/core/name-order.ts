/**
 * The order of names: `/` comes before everything else that a segment can have, so what is below a name stands together
 * right behind it.
 */

/** Orders two names as a tree is read: a name, what is below it, its next sibling. */
export function compareNames(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const left = a.charCodeAt(i);
    const right = b.charCodeAt(i);
    if (left !== right) return left === slash ? -1 : right === slash ? 1 : left - right;
  }
  return a.length - b.length;
}

const slash = 47;
