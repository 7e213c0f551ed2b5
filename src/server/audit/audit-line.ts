import type { AuditDetail, AuditKind, AuditLine } from '../../protocol/audit-messages.js';

interface TextLimits {
  readonly maxNames: number;
  readonly maxTextLength: number;
}

const usual: TextLimits = { maxNames: 16, maxTextLength: 256 };
const strict: TextLimits = { maxNames: 4, maxTextLength: 64 };
/** Maximum length of a line whose texts are not shortened, in characters. */
const maxWholeLength = 1_024;
/**
 * Maximum length of a shortened line of a change, in characters. A longer line is written without details, and with
 * fewer and shorter names.
 */
const maxChangeLength = 8 * 1024;
/** The same limit for other lines. It is lower because clients without rights can cause these lines. */
const maxOtherLength = 2 * 1024;
/** Maximum size of a line, in bytes. A UTF-16 code unit has at most 3 bytes in UTF-8. */
export const maxLineBytes = 3 * maxChangeLength;

export type AuditFields = Omit<AuditLine, 'seq' | 'at' | 'kind'>;

/** Returns a line of JSON that ends with a line break. Shortens long texts and lists. */
export function encodeLine(seq: number, at: string, kind: AuditKind, fields: AuditFields): string {
  const { names = [] } = fields;
  if (names.length <= usual.maxNames) {
    const whole = JSON.stringify({ seq, at, kind, ...fields });
    if (whole.length <= maxWholeLength) return `${whole}\n`;
  }
  const cut = JSON.stringify({ seq, at, kind, ...shortenFields(fields, usual) });
  if (cut.length <= (kind === 'change' ? maxChangeLength : maxOtherLength)) return `${cut}\n`;
  const { details: _, ...rest } = fields;
  return `${JSON.stringify({ seq, at, kind, ...shortenFields(rest, strict) })}\n`;
}

function shortenFields({ names, details, ...rest }: AuditFields, textLimits: TextLimits): object {
  const { maxNames, maxTextLength } = textLimits;
  const shorten = (text: string): string =>
    text.length <= maxTextLength ? text : `${text.slice(0, maxTextLength - 1)}…`;
  const shortenDetail = (value: AuditDetail): AuditDetail => {
    if (typeof value === 'string') return shorten(value);
    return typeof value === 'object' ? value.slice(0, maxNames).map(shorten) : value;
  };
  const shortened: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(rest))
    shortened[key] = typeof value === 'string' ? shorten(value) : value;
  if (names !== undefined) {
    shortened.names = names.slice(0, maxNames).map(shorten);
    if (names.length > maxNames) shortened.nameCount = names.length;
  }
  if (details !== undefined)
    shortened.details = Object.fromEntries(
      Object.entries(details)
        .slice(0, maxNames)
        .map(([key, value]) => [shorten(key), shortenDetail(value)]),
    );
  return shortened;
}

/** Returns undefined for text that is not a complete line of an audit log. */
export function decodeLine(text: string): AuditLine | undefined {
  try {
    const line = JSON.parse(text) as AuditLine;
    return Number.isSafeInteger(line.seq) && typeof line.at === 'string' ? line : undefined;
  } catch {
    return undefined;
  }
}
