import { expect, test } from 'vitest';
import { ClerkError, errorMessage } from '../../src/core/errors.js';
import { escapeLines, escapeText } from '../../src/core/escape-text.js';
import { escapingLogger } from '../../src/core/logger.js';
import { decodeError } from '../../src/protocol/error-codec.js';

const unsafe = '\u001b]0;owned\u0007\u001b[2J\u009b1A\r\nclerk: fine\u202e\u200b\u2028\ud800';
const escaped =
  '\\u001b]0;owned\\u0007\\u001b[2J\\u009b1A\\u000d\\u000aclerk: fine\\u202e\\u200b\\u2028\\ud800';

test('control and format characters are escaped, other characters are kept', () => {
  expect(escapeText(unsafe)).toBe(escaped);
  expect(escapeText(escaped)).toBe(escaped);
  expect(escapeText('grün → 日本 👍 „a“ …')).toBe('grün → 日本 👍 „a“ …');
  expect(escapeText('\u{e0001}')).toBe('\\udb40\\udc01');
  expect(escapeLines('a\n\tb\rc')).toBe('a\n\tb\\u000dc');
});

test('messages of errors and logs are escaped, also those of a registry', () => {
  expect(new ClerkError('NO_ENDPOINT', unsafe).message).toBe(escaped);
  expect(new ClerkError('NO_ENDPOINT', unsafe).stack).toContain(escaped);
  expect(errorMessage(new Error(unsafe))).toBe(escaped);
  expect(errorMessage(unsafe)).toBe(escaped);
  const error = decodeError(404, { error: { code: 'NAME_NOT_FOUND', message: unsafe } }, 'The request');
  expect(error.message).toBe(escaped);
  const lines: string[] = [];
  const log = (message: string): void => void lines.push(message);
  escapingLogger({ debug: log, info: log, warn: log, error: log }).warn(unsafe);
  expect(lines).toEqual([escaped]);
});

test('a long message of a registry is cut', () => {
  const message = 'x'.repeat(1_000_000);
  expect(
    decodeError(404, { error: { code: 'NAME_NOT_FOUND', message } }, 'The request').message,
  ).toHaveLength(4_096);
});
