const maxStrings = 10_000;
const maxLength = 200;

/** Returns one shared string for equal strings, so that a million equal records need the memory of one. */
export class SharedStrings {
  readonly #strings = new Map<string, string>();

  share(text: string): string {
    if (text.length > maxLength) return text;
    const known = this.#strings.get(text);
    if (known !== undefined) return known;
    if (this.#strings.size >= maxStrings) this.#strings.clear();
    this.#strings.set(text, text);
    return text;
  }
}
