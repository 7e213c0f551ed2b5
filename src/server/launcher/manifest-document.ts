import type * as yamlModule from 'yaml';
import type { LineCounter, Node } from 'yaml';
import { ClerkError } from '../../core/errors.js';
import { loadPackage } from '../../core/load-package.js';
import yamlPackage from './yaml-package.cjs';

let loaded: typeof yamlModule | undefined;

function yaml(): typeof yamlModule {
  return (loaded ??= loadPackage('yaml', () => yamlPackage.load() as unknown as typeof yamlModule));
}

/** @throws {@link ClerkError} `CONFIG_INVALID` when the text is not valid YAML 1.2 or has a duplicate key */
export function parseManifestDocument(file: string, text: string): ManifestField {
  const lines = new (yaml().LineCounter)();
  const document = yaml().parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    schema: 'core',
    version: '1.2',
    logLevel: 'silent',
  });
  const syntaxError = document.errors[0] ?? document.warnings[0];
  if (syntaxError)
    throw fieldError(
      file,
      lines.linePos(syntaxError.pos[0]).line,
      '',
      `must be valid YAML: ${syntaxError.message}`,
    );
  return new ManifestField(file, lines, '', document.contents ?? undefined, 1);
}

/** A value of a manifest. Each error contains the file, the line and the field. */
export class ManifestField {
  readonly #file: string;
  readonly #lines: LineCounter;
  readonly #path: string;
  readonly #node: Node | undefined;
  /** Line number, from 1. A missing field has the line of the map in which it is missing. */
  readonly line: number;

  constructor(file: string, lines: LineCounter, path: string, node: Node | undefined, line: number) {
    this.#file = file;
    this.#lines = lines;
    this.#path = path;
    this.#node = node;
    this.line = node?.range ? lines.linePos(node.range[0]).line : line;
  }

  fail(problem: string): never {
    throw fieldError(this.#file, this.line, this.#path, problem);
  }

  toJson(): string {
    return JSON.stringify((this.#node as { toJSON?(): unknown } | undefined)?.toJSON?.() ?? null);
  }

  get isMissing(): boolean {
    return this.#node === undefined;
  }

  scalar(): string | number {
    const node = this.#node;
    if (node === undefined) return this.fail('is required');
    if (yaml().isAlias(node)) return this.fail('must not be a YAML alias; write the value itself');
    const value: unknown = yaml().isScalar(node) ? node.value : undefined;
    if (typeof value === 'string' || (typeof value === 'number' && Number.isFinite(value))) return value;
    return this.fail(`must be a string or a number; got ${describeNode(node)}`);
  }

  string(): string {
    const value = this.scalar();
    if (typeof value === 'number')
      return this.fail('must be a string; got a number; put the number in quotes');
    return value;
  }

  number(): number {
    const value = this.scalar();
    if (typeof value === 'string') return this.fail('must be a number; got a string');
    return value;
  }

  integer(min: number, max: number, fallback: number): number;
  integer(min: number, max: number, fallback?: number): number | undefined;
  integer(min: number, max: number, fallback?: number): number | undefined {
    if (this.isMissing) return fallback;
    const value = this.number();
    if (!Number.isInteger(value) || value < min || value > max)
      this.fail(`must be an integer from ${min} to ${max}; got ${value}`);
    return value;
  }

  items(maxItems: number): readonly ManifestField[] {
    const node = this.#node;
    if (node === undefined) return [];
    if (!yaml().isSeq<Node>(node)) return this.fail(`must be a list; got ${describeNode(node)}`);
    if (node.items.length > maxItems)
      this.fail(`must have at most ${maxItems} items; got ${node.items.length}`);
    return node.items.map((item, index) => this.#child(`${this.#path}[${index}]`, item));
  }

  entries(): ReadonlyMap<string, ManifestField> {
    const node = this.#node;
    const entries = new Map<string, ManifestField>();
    if (node === undefined) return entries;
    if (!yaml().isMap<Node, Node | null>(node)) return this.fail(`must be a map; got ${describeNode(node)}`);
    for (const { key, value } of node.items) {
      const name: unknown = yaml().isScalar(key) ? key.value : undefined;
      if (typeof name !== 'string') return this.#child(this.#path, key).fail('must have string keys only');
      const line = key.range ? this.#lines.linePos(key.range[0]).line : this.line;
      entries.set(
        name,
        new ManifestField(this.#file, this.#lines, this.#pathOf(name), value ?? undefined, line),
      );
    }
    return entries;
  }

  /**
   * Returns the fields of a map by key. Throws if the map has any other key. A missing key has a field without a
   * value.
   */
  fields<K extends string>(...keys: readonly K[]): Readonly<Record<K, ManifestField>> {
    const entries = this.entries();
    for (const [key, field] of entries)
      if (!(keys as readonly string[]).includes(key))
        field.fail(`is not a known field; known fields are ${keys.join(', ')}`);
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
  if (yaml().isMap(node)) return 'a map';
  if (yaml().isSeq(node)) return 'a list';
  if (yaml().isAlias(node)) return 'an alias';
  return yaml().isScalar(node) && node.value === null
    ? 'an empty value'
    : `a ${typeof (node as { value?: unknown }).value}`;
}

function fieldError(file: string, line: number, field: string, problem: string): ClerkError {
  const where = `${file}, line ${line}`;
  return new ClerkError('CONFIG_INVALID', `${where}: ${field === '' ? 'the manifest' : field} ${problem}`);
}
