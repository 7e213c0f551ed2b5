/**
 * Parses the patterns of manifests, which are ECMAScript regular expressions without the features that need more than
 * linear time.
 */

export type PatternNode =
  | { readonly kind: 'character'; readonly accepts: (codePoint: number) => boolean }
  | { readonly kind: 'sequence' | 'choice'; readonly items: readonly PatternNode[] }
  | { readonly kind: 'repeat'; readonly item: PatternNode; readonly min: number; readonly max: number }
  /** Matches the empty text at the start or the end of the value. */
  | { readonly kind: 'start' | 'end' };

const maxCount = 1_000;
const maxDepth = 32;

type Accepts = (codePoint: number) => boolean;

/** @throws Error with a problem such as `must close each '('` */
export function parsePattern(text: string): PatternNode {
  return new PatternParser(Array.from(text)).parse();
}

class PatternParser {
  #at = 0;
  #depth = 0;

  constructor(private readonly text: readonly string[]) {}

  parse(): PatternNode {
    const node = this.#choice();
    if (this.#at < this.text.length)
      throw new Error("must not have a ')' without a '('; write '\\)' for a parenthesis");
    return node;
  }

  #choice(): PatternNode {
    if (++this.#depth > maxDepth) throw new Error(`must have at most ${maxDepth} nested groups`);
    const items = [this.#sequence()];
    while (this.#skip('|')) items.push(this.#sequence());
    this.#depth--;
    return items.length === 1 ? (items[0] as PatternNode) : { kind: 'choice', items };
  }

  #sequence(): PatternNode {
    const items: PatternNode[] = [];
    for (
      let next = this.text[this.#at];
      next !== undefined && next !== '|' && next !== ')';
      next = this.text[this.#at]
    )
      items.push(this.#repeated());
    return { kind: 'sequence', items };
  }

  #repeated(): PatternNode {
    const item = this.#atom();
    const [min, max] = this.#counts() ?? [1, 1];
    if (min === 1 && max === 1) return item;
    if (item.kind === 'start' || item.kind === 'end')
      throw new Error("must not repeat '^' or '$'; remove the repetition");
    const extra = this.text[this.#at];
    if (extra === '?')
      throw new Error(
        "must not have '?' after a repetition; remove the '?', which has no effect because the whole value must match",
      );
    if (extra !== undefined && '*+{'.includes(extra))
      throw new Error(`must not repeat a repetition; put the inner one in a group, such as (?:a+)${extra}`);
    return { kind: 'repeat', item, min, max };
  }

  #counts(): readonly [number, number] | undefined {
    if (this.#skip('*')) return [0, Infinity];
    if (this.#skip('+')) return [1, Infinity];
    if (this.#skip('?')) return [0, 1];
    if (this.text[this.#at] !== '{') return undefined;
    const end = this.text.indexOf('}', this.#at);
    const [, from = '', comma, to = ''] =
      /^([0-9]{1,9})(,)?([0-9]{1,9})?$/.exec(this.text.slice(this.#at + 1, end).join('')) ?? [];
    if (end < 0 || from === '' || (comma === undefined && to !== ''))
      throw new Error("must have counts such as {2}, {2,} or {2,5} after '{'; write '\\{' for a brace");
    this.#at = end + 1;
    const min = Number(from);
    const max = comma === undefined ? min : to === '' ? Infinity : Number(to);
    if (min > max) throw new Error(`must not have counts in the wrong order; got {${min},${max}}`);
    if (min > maxCount || (max > maxCount && max !== Infinity))
      throw new Error(`must have counts of at most ${maxCount}`);
    return [min, max];
  }

  #atom(): PatternNode {
    const char = this.text[this.#at++] as string;
    switch (char) {
      case '(':
        return this.#group();
      case '[':
        return { kind: 'character', accepts: this.#characterClass() };
      case '.':
        return { kind: 'character', accepts: (point) => !lineEnds.has(point) };
      case '^':
        return { kind: 'start' };
      case '$':
        return { kind: 'end' };
      case '\\':
        return { kind: 'character', accepts: acceptsOf(this.#escape()) };
      case '*':
      case '+':
      case '?':
      case '{':
      case '}':
      case ']':
        throw new Error(
          `must not have '${char}' where a character or a group must begin; write '\\${char}' for the character`,
        );
      default:
        return { kind: 'character', accepts: equals(codeOf(char)) };
    }
  }

  #group(): PatternNode {
    if (this.#skip('?') && !this.#skip(':'))
      throw new Error(
        "must not have lookaround, named groups or group flags; write groups as '(…)' or '(?:…)'",
      );
    const node = this.#choice();
    if (!this.#skip(')')) throw new Error("must close each '('; write '\\(' for a parenthesis");
    return node;
  }

  #characterClass(): Accepts {
    const isNegated = this.#skip('^');
    const parts: Accepts[] = [];
    while (!this.#skip(']')) {
      const from = this.#classItem();
      if (this.text[this.#at] !== '-' || this.text[this.#at + 1] === ']') {
        parts.push(acceptsOf(from));
        continue;
      }
      this.#at++;
      const to = this.#classItem();
      if (typeof from !== 'number' || typeof to !== 'number' || from > to)
        throw new Error(
          "must have ranges such as 'a-z', from the lower to the higher character; write '\\-' for a hyphen",
        );
      parts.push((point) => point >= from && point <= to);
    }
    return (point) => parts.some((accepts) => accepts(point)) !== isNegated;
  }

  #classItem(): number | Accepts {
    const char = this.text[this.#at++];
    if (char === undefined) throw new Error("must close each '['; write '\\[' for a bracket");
    return char === '\\' ? this.#escape() : codeOf(char);
  }

  #escape(): number | Accepts {
    const char = this.text[this.#at++] ?? '';
    const known = escapes[char];
    if (known !== undefined) return known;
    if (/^[\^$\\.*+?()[\]{}|/-]$/.test(char)) return codeOf(char);
    if (char === 'x') return this.#hex(2);
    if (char === 'u') return this.#hex(4);
    if (/^[1-9k]$/.test(char))
      throw new Error('must not have backreferences; list the allowed values in enum instead');
    throw new Error(
      `must have only the escapes \\d \\D \\w \\W \\s \\S \\n \\r \\t \\f \\v \\xHH \\uHHHH and escaped punctuation such as \\.; got '\\${char}'`,
    );
  }

  #hex(digits: 2 | 4): number {
    const text = this.text.slice(this.#at, this.#at + digits).join('');
    if (text.length !== digits || !/^[0-9A-Fa-f]+$/.test(text))
      throw new Error(`must have ${digits} hexadecimal digits after '\\${digits === 2 ? 'x' : 'u'}'`);
    this.#at += digits;
    const point = Number.parseInt(text, 16);
    if (point >= 0xd8_00 && point <= 0xdf_ff)
      throw new Error('must not have a surrogate after \\u; write the character itself');
    return point;
  }

  #skip(char: string): boolean {
    if (this.text[this.#at] !== char) return false;
    this.#at++;
    return true;
  }
}

const lineEnds: ReadonlySet<number> = new Set([0x0a, 0x0d, 0x20_28, 0x20_29]);
const spaces: ReadonlySet<number> = new Set([
  ...[
    0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x20, 0xa0, 0x16_80, 0x20_28, 0x20_29, 0x20_2f, 0x20_5f, 0x30_00, 0xfe_ff,
  ],
  ...Array.from({ length: 11 }, (_, i) => 0x20_00 + i),
]);

const isDigit: Accepts = (point) => point >= 48 && point <= 57;
const isAlphanumeric: Accepts = (point) =>
  isDigit(point) || point === 95 || (point >= 65 && point <= 90) || (point >= 97 && point <= 122);
const isSpace: Accepts = (point) => spaces.has(point);
const not =
  (accepts: Accepts): Accepts =>
  (point) =>
    !accepts(point);

const escapes: Readonly<Record<string, number | Accepts>> = Object.freeze({
  // `escapes[char]` never finds an inherited key, because all these keys have more than one letter.
  d: isDigit,
  D: not(isDigit),
  w: isAlphanumeric,
  W: not(isAlphanumeric),
  s: isSpace,
  S: not(isSpace),
  n: 0x0a,
  r: 0x0d,
  t: 0x09,
  f: 0x0c,
  v: 0x0b,
});

function codeOf(char: string): number {
  return char.codePointAt(0) as number;
}

function equals(expected: number): Accepts {
  return (point) => point === expected;
}

function acceptsOf(item: number | Accepts): Accepts {
  return typeof item === 'number' ? equals(item) : item;
}
