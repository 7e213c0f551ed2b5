/** The trace of a simulation: always a hash, and the lines on request. */
export class Trace {
  readonly lines: string[] = [];
  /** Number of lines. */
  count = 0;
  #high = 0x9e3779b9;
  #low = 0x243f6a88;

  constructor(
    readonly now: () => number,
    readonly keepsLines: boolean,
  ) {}

  readonly log = (line: string): void => {
    const stamped = `${this.now().toFixed(3).padStart(11)} ${line}`;
    this.count++;
    for (let i = 0; i < stamped.length; i++) {
      // FNV-1a with two different primes.
      this.#high = Math.imul(this.#high ^ stamped.charCodeAt(i), 0x01000193);
      this.#low = Math.imul(this.#low ^ stamped.charCodeAt(i), 0x85ebca6b);
    }
    if (this.keepsLines) this.lines.push(stamped);
  };

  get hash(): string {
    return [this.#high, this.#low].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('');
  }
}
