import type { AuditDetail, AuditKind, AuditLine } from '../../protocol/audit-messages.js';

const maxNames = 16;
const maxDetails = 16;
/** The texts of a longer line are cut. */
const maxWholeLength = 1_024;
const maxTextLength = 256;
/** A line that is still longer is written with fewer names and without details. */
const maxLineLength = 8 * 1024;
/** No line has more bytes: at most 20 texts of 256 characters, each of which has at most 6 bytes in JSON. */
export const maxLineBytes = 32 * 1024;
const maxNamesOfLongLine = 4;

export type AuditFields = Omit<AuditLine, 'seq' | 'at' | 'kind'>;

/** Returns a line of JSON that ends with a line break. Long texts and lists are cut. */
export function encodeLine(seq: number, at: string, kind: AuditKind, fields: AuditFields): string {
  const { names = [] } = fields;
  if (names.length <= maxNames) {
    const whole = JSON.stringify({ seq, at, kind, ...fields });
    if (whole.length <= maxWholeLength) return `${whole}\n`;
  }
  const cut = JSON.stringify({ seq, at, kind, ...shortenFields(fields, maxNames) });
  if (cut.length <= maxLineLength) return `${cut}\n`;
  const { details: _, ...rest } = fields;
  return `${JSON.stringify({ seq, at, kind, ...shortenFields(rest, maxNamesOfLongLine) })}\n`;
}

function shortenFields({ names, details, ...rest }: AuditFields, maxListed: number): object {
  const shortened: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(rest))
    shortened[key] = typeof value === 'string' ? shorten(value) : value;
  if (names !== undefined) {
    shortened.names = names.slice(0, maxListed).map(shorten);
    if (names.length > maxListed) shortened.nameCount = names.length;
  }
  if (details !== undefined)
    shortened.details = Object.fromEntries(
      Object.entries(details)
        .slice(0, maxDetails)
        .map(([key, value]) => [shorten(key), shortenDetail(value)]),
    );
  return shortened;
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
