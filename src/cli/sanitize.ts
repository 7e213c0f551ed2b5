/**
 * Makes text from registries and services safe for terminals. Such text could otherwise move the cursor or imitate
 * other lines. Unsafe characters are escaped, as in JSON.
 *
 * @see [A26](../../docs/guarantees.md#a26)
 */
import { escapeLines, escapeText } from '../core/escape-text.js';

/** Replaces line breaks and tabs with spaces. */
export function sanitizeLine(text: string): string {
  return escapeText(text.replace(/[\t\n\r]+/g, ' '));
}

/** Keeps line breaks and tabs. */
export function sanitizeText(text: string): string {
  return escapeLines(text.replace(/\r\n/g, '\n'));
}

/** Escapes the serialized text, because valid JSON has unsafe characters only within strings. */
export function sanitizedJson(value: unknown): string {
  return escapeText(JSON.stringify(value));
}
