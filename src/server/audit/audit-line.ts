import type { AuditDetail, AuditLine } from '../../protocol/audit-messages.js';

const maxNames = 16;
const maxDetails = 16;
const maxTextLength = 256;
/** A longer line is written with fewer names and without details. */
const maxLineLength = 8 * 1024;
/** No line has more bytes: at most 20 texts of 256 characters, each of which has at most 6 bytes in JSON. */
export const maxLineBytes = 32 * 1024;
const maxNamesOfLongLine = 4;

export type AuditFields = Omit<AuditLine, 'seq' | 'at'>;

/** Returns a line of JSON that ends with a line break. Long texts are cut. */
export function encodeLine(seq: number, at: string, fields: AuditFields): string {
  const text = encode(seq, at, fields, maxNames);
  if (text.length <= maxLineLength) return text;
  const { details: _, ...rest } = fields;
  return encode(seq, at, rest, maxNamesOfLongLine);
}

function encode(seq: number, at: string, fields: AuditFields, maxListed: number): string {
  const { names, details, ...rest } = fields;
  const line: Record<string, unknown> = { seq, at };
  for (const [key, value] of Object.entries(rest))
    line[key] = typeof value === 'string' ? shorten(value) : value;
  if (names !== undefined) {
    line.names = names.slice(0, maxListed).map(shorten);
    if (names.length > maxListed) line.nameCount = names.length;
  }
  if (details !== undefined)
    line.details = Object.fromEntries(
      Object.entries(details)
        .slice(0, maxDetails)
        .map(([key, value]) => [shorten(key), shortenDetail(value)]),
    );
  return `${JSON.stringify(line)}\n`;
}

/** Returns undefined for text that is not a line of an audit log, such as a torn line. */
export function decodeLine(text: string): AuditLine | undefined {
  try {
    const line = JSON.parse(text) as AuditLine;
    return Number.isSafeInteger(line.seq) && typeof line.at === 'string' ? line : undefined;
  } catch {
    return undefined;
  }
}

function shortenDetail(value: AuditDetail): AuditDetail {
  if (typeof value === 'string') return shorten(value);
  return typeof value === 'object' ? value.slice(0, maxNames).map(shorten) : value;
}

function shorten(text: string): string {
  return text.length <= maxTextLength ? text : `${text.slice(0, maxTextLength - 1)}…`;
}
