import type { AuditDetail, AuditKind, AuditLine } from '../../protocol/audit-messages.js';

interface TextLimits {
  readonly maxNames: number;
  readonly maxTextLength: number;
}

const usual: TextLimits = { maxNames: 16, maxTextLength: 256 };
const strict: TextLimits = { maxNames: 4, maxTextLength: 64 };
/** The texts of a longer line are cut. */
const maxWholeLength = 1_024;
/** A change that is still longer is written without details, and with fewer and shorter names. */
const maxChangeLength = 8 * 1024;
/** The same for other lines. Clients without rights cause them. */
const maxOtherLength = 2 * 1024;
/** No line has more bytes: a character has at most 3 bytes. */
export const maxLineBytes = 3 * maxChangeLength;

export type AuditFields = Omit<AuditLine, 'seq' | 'at' | 'kind'>;

/** Returns a line of JSON that ends with a line break. Long texts and lists are cut. */
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

/** Returns undefined for text that is not a line of an audit log, such as a torn line. */
export function decodeLine(text: string): AuditLine | undefined {
  try {
    const line = JSON.parse(text) as AuditLine;
    return Number.isSafeInteger(line.seq) && typeof line.at === 'string' ? line : undefined;
  } catch {
    return undefined;
  }
}
