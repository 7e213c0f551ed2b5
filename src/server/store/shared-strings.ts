const maxStrings = 10_000;
const maxLength = 200;

/** Replaces equal strings with one shared string, to save memory. */
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
