/** YAML that remembers its lines: every complaint about a manifest names the file, the line and the field. */
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type Node } from 'yaml';
import { ClerkError } from '../../core/errors.js';

/**
 * The top of a manifest.
 *
 * @param file - what messages call it
 * @throws {@link ClerkError} `CONFIG_INVALID` when it is no YAML, or has a key twice
 */
export function parseManifestDocument(file: string, text: string): ManifestField {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    schema: 'core',
    version: '1.2',
    logLevel: 'silent',
  });
  const syntaxError = document.errors[0] ?? document.warnings[0];
  if (syntaxError)
    throw fieldError(file, lines.linePos(syntaxError.pos[0]).line, '', `is no YAML: ${syntaxError.message}`);
  return new ManifestField(file, lines, '', document.contents ?? undefined, 1);
}

/** One value of a manifest, with where it stands. */
export class ManifestField {
  readonly #file: string;
  readonly #lines: LineCounter;
  readonly #path: string;
  readonly #node: Node | undefined;
  /** Counts from 1; of what it is missing in, where nothing was written. */
  readonly line: number;

  constructor(file: string, lines: LineCounter, path: string, node: Node | undefined, line: number) {
    this.#file = file;
    this.#lines = lines;
    this.#path = path;
    this.#node = node;
    this.line = node?.range ? lines.linePos(node.range[0]).line : line;
  }

  /** Refuses this field. */
  fail(problem: string): never {
    throw fieldError(this.#file, this.line, this.#path, problem);
  }

  /** Whether nothing was written here. */
  get isMissing(): boolean {
    return this.#node === undefined;
  }

  /** A text, or a number as a number; whatever else is written there is refused. */
  scalar(): string | number {
    const node = this.#node;
    if (node === undefined) return this.fail('is missing');
    if (isAlias(node)) return this.fail('is an alias; write it out');
    const value: unknown = isScalar(node) ? node.value : undefined;
    if (typeof value === 'string' || (typeof value === 'number' && Number.isFinite(value))) return value;
    return this.fail(`is ${describeNode(node)}, not a text or a number`);
  }

  string(): string {
    const value = this.scalar();
    if (typeof value === 'number') return this.fail('is a number, not a text; put it in quotes');
    return value;
  }

  number(): number {
    const value = this.scalar();
    if (typeof value === 'string') return this.fail('is a text, not a number');
    return value;
  }

  /** An integer within bounds, or the default where nothing is written. */
  integer(min: number, max: number, fallback: number): number;
  integer(min: number, max: number, fallback?: number): number | undefined;
  integer(min: number, max: number, fallback?: number): number | undefined {
    if (this.isMissing) return fallback;
    const value = this.number();
    if (!Number.isInteger(value) || value < min || value > max)
      this.fail(`is ${String(value)}; an integer from ${String(min)} to ${String(max)} can be there`);
    return value;
  }

  /** The items of a list; nothing written is an empty one. */
  items(maxItems: number): readonly ManifestField[] {
    const node = this.#node;
    if (node === undefined) return [];
    if (!isSeq<Node>(node)) return this.fail(`is ${describeNode(node)}, not a list`);
    if (node.items.length > maxItems)
      this.fail(`has ${String(node.items.length)} items; ${String(maxItems)} is the most`);
    return node.items.map((item, index) => this.#child(`${this.#path}[${String(index)}]`, item));
  }

  /** The entries of a map, by key; nothing written is an empty one. */
  entries(): ReadonlyMap<string, ManifestField> {
    const node = this.#node;
    const entries = new Map<string, ManifestField>();
    if (node === undefined) return entries;
    if (!isMap<Node, Node | null>(node)) return this.fail(`is ${describeNode(node)}, not a map`);
    for (const { key, value } of node.items) {
      const name: unknown = isScalar(key) ? key.value : undefined;
      if (typeof name !== 'string') return this.#child(this.#path, key).fail('has a key that is no text');
      const line = key.range ? this.#lines.linePos(key.range[0]).line : this.line;
      entries.set(
        name,
        new ManifestField(this.#file, this.#lines, this.#pathOf(name), value ?? undefined, line),
      );
    }
    return entries;
  }

  /** The fields of a map that has these keys and no others; those that are not written are missing. */
  fields<K extends string>(...keys: readonly K[]): Readonly<Record<K, ManifestField>> {
    const entries = this.entries();
    for (const [key, field] of entries)
      if (!(keys as readonly string[]).includes(key))
        field.fail(`is not known; ${keys.join(', ')} can be there`);
    return Object.fromEntries(
      keys.map((key) => [key, entries.get(key) ?? this.#child(this.#pathOf(key), undefined)]),
    ) as Record<K, ManifestField>;
  }

  #pathOf(key: string): string {
    return this.#path === '' ? key : `${this.#path}.${key}`;
  }

  #child(path: string, node: Node | undefined): ManifestField {
    return new ManifestField(this.#file, this.#lines, path, node, this.line);
  }
}

function describeNode(node: Node): string {
  if (isMap(node)) return 'a map';
  if (isSeq(node)) return 'a list';
  if (isAlias(node)) return 'an alias';
  return isScalar(node) && node.value === null
    ? 'empty'
    : `the ${typeof (node as { value?: unknown }).value}`;
}

function fieldError(file: string, line: number, field: string, problem: string): ClerkError {
  const where = `${file}, line ${String(line)}`;
  return new ClerkError('CONFIG_INVALID', `${where}: ${field === '' ? 'the manifest' : field} ${problem}`);
}
