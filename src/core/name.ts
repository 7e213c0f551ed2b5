/** Names. (provisional) */
import { ClerkError } from './errors.js';
export function isSegment(text: string): boolean {
  return /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(text) && !text.startsWith('xn--');
}
export function parseName(text: unknown): string {
  if (typeof text !== 'string' || !text.startsWith('/') || !text.slice(1).split('/').every(isSegment)) throw new ClerkError('NAME_INVALID', `Name '${String(text)}' is not valid`);
  return text;
}
export function absoluteName(text: unknown, root: string): string {
  return parseName(typeof text === 'string' && !text.startsWith('/') ? `${root}/${text}` : text);
}
