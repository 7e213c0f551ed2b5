/**
 * Manifests: what the operator of a host allows to be started there, and how. Whoever asks for a start names a manifest
 * and gives values for its parameters; everything else is written here. A manifest is taken as it is or refused.
 *
 * @see promises A20
 */
import { ClerkError, reasonOf } from '../../core/errors.js';
import { parseGlob, type Glob } from '../../core/glob.js';
import { readDocument, type Field } from './manifest-document.js';
import { mostValueCharacters, templateFault, type Parameter } from './parameters.js';

/** A manifest that was read and checked, but for what only the host can tell of it. */
export interface ManifestText {
  /** File that it comes from, for messages. */
  readonly file: string;
  /** The names that can be started with it. */
  readonly service: Glob;
  /** Absolute path of the program, as written. */
  readonly exec: string;
  readonly args: readonly string[];
  readonly params: ReadonlyMap<string, Parameter>;
  /** Names of variables that are let through. */
  readonly env: readonly string[];
  /** Default `/`. */
  readonly cwd: string;
  /** Whom it runs as: a name, or a user id; undefined: as the server. */
  readonly user: string | number | undefined;
  /** Processes alive at once, of all names together. Default 1, with wildcards 16; at most 1,000. */
  readonly maxInstances: number;
  /** How long it may take until it has registered, in ms. Default 10,000; 100 to 600,000. */
  readonly readyMs: number;
  /** Ended when nobody has used it for so long, in ms; at least 1,000; undefined: never. */
  readonly idleStopMs: number | undefined;
  /** Where it says what the host is asked about. */
  readonly lines: Readonly<Record<'exec' | 'cwd' | 'user', number>>;
}

/** A manifest with what the host said of it. */
export interface Manifest extends ManifestText {
  /** Where the program really is; a link that leads elsewhere later is refused. */
  readonly program: string;
  readonly account: { readonly uid: number; readonly gid: number } | undefined;
}

/**
 * Reads a manifest.
 *
 * @param file - what messages call it
 * @throws {@link ClerkError} `CONFIG_INVALID`, with file, line and field
 */
export function parseManifest(file: string, text: string): ManifestText {
  const top = readDocument(file, text).fields(
    ...(['version', 'service', 'exec', 'args', 'params', 'env', 'cwd'] as const),
    ...(['user', 'maxInstances', 'readyMs', 'idleStopMs'] as const),
  );
  if (top.version.number() !== 1) top.version.wrong('is not 1, the only version there is');
  const service = globOf(top.service);
  const params = new Map([...top.params.entries()].map(([name, field]) => [name, parameterOf(name, field)]));
  return Object.freeze({
    file,
    service,
    exec: pathOf(top.exec),
    args: top.args.items(64).map((field) => argumentOf(field, new Set(params.keys()))),
    params,
    env: top.env.items(64).map(variableOf),
    cwd: top.cwd.isMissing ? '/' : pathOf(top.cwd),
    user: top.user.isMissing ? undefined : userOf(top.user),
    maxInstances: top.maxInstances.integer(1, 1_000, service.isPlain ? 1 : 16),
    readyMs: top.readyMs.integer(100, 600_000, 10_000),
    idleStopMs: top.idleStopMs.integer(1_000, 2 ** 31 - 1),
    lines: { exec: top.exec.line, cwd: top.cwd.line, user: top.user.line },
  });
}

function globOf(field: Field): Glob {
  const text = field.text();
  try {
    return parseGlob(text);
  } catch (error) {
    return field.wrong(`cannot be used: ${reasonOf(error)}`);
  }
}

function pathOf(field: Field): string {
  const path = textWithoutNull(field);
  if (!path.startsWith('/')) field.wrong(`is ${JSON.stringify(path)}; write the whole path, from '/' on`);
  return path;
}

function argumentOf(field: Field, known: ReadonlySet<string>): string {
  const text = textWithoutNull(field);
  const fault = text.length > 4_096 ? 'is longer than 4,096 characters' : templateFault(text, known);
  return fault === undefined ? text : field.wrong(fault);
}

function textWithoutNull(field: Field): string {
  const text = field.text();
  return text.includes('\0') ? field.wrong('has the character \\u0000') : text;
}

function variableOf(field: Field): string {
  const name = field.text();
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(name)) field.wrong('is no name of a variable');
  if (ownVariables.has(name)) field.wrong(`is ${name}, which the launcher sets itself`);
  return name;
}

const ownVariables: ReadonlySet<string> = new Set(['CLERK_LAUNCHED', 'CLERK_INSTANCE']);

function userOf(field: Field): string | number {
  const user = field.scalar();
  const fits =
    typeof user === 'number' ? Number.isInteger(user) && user >= 0 && user < 2 ** 32 - 1 : user !== '';
  return fits ? user : field.wrong('is no name and no number of a user');
}

function parameterOf(name: string, field: Field): Parameter {
  if (!/^[A-Za-z][A-Za-z0-9_]{0,63}$/.test(name))
    field.wrong('is no name of a parameter: a letter, then up to 63 letters, digits and _');
  const { type, pattern, enum: choices, min, max } = field.fields('type', 'pattern', 'enum', 'min', 'max');
  const word = type.text();
  if (word === 'string') {
    for (const bound of [min, max]) if (!bound.isMissing) bound.wrong('does not go with a string');
    if (pattern.isMissing) return { type: word, fits: choices.isMissing ? undefined : choiceOf(choices) };
    if (!choices.isMissing) choices.wrong('does not go with pattern; leave one of them out');
    return { type: word, fits: patternOf(pattern) };
  }
  if (word !== 'integer' && word !== 'number') return type.wrong("is not 'string', 'integer' or 'number'");
  for (const text of [pattern, choices]) if (!text.isMissing) text.wrong(`does not go with type ${word}`);
  const [least, most] = [boundOf(min, word, -Infinity), boundOf(max, word, Infinity)];
  if (least > most) min.wrong(`is ${String(least)}, above max, which is ${String(most)}`);
  return { type: word, min: least, max: most };
}

function boundOf(field: Field, type: 'integer' | 'number', missing: number): number {
  if (field.isMissing) return missing;
  const value = field.number();
  if (type === 'integer' && !Number.isSafeInteger(value)) field.wrong('is no integer');
  return value;
}

function choiceOf(field: Field): ReadonlySet<string> {
  const choices = field.items(256).map((item) => item.text());
  return choices.length === 0 ? field.wrong('has no item, so that no value would do') : new Set(choices);
}

/** An operator's pattern: for the whole value, which is at most {@link mostValueCharacters} long. */
function patternOf(field: Field): RegExp {
  const source = field.text();
  if (source.length > mostValueCharacters) field.wrong('is longer than 256 characters');
  try {
    // Alone first, so that nothing in it can close the brackets around it.
    const { source: alone } = new RegExp(source, 'u');
    return new RegExp(`^(?:${alone})$`, 'u');
  } catch (error) {
    return field.wrong(`cannot be used: ${reasonOf(error)}`);
  }
}

/** The name of a manifest, from the name of its file. */
export function manifestName(file: string): string {
  const name = file.slice(0, -'.yaml'.length);
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(name))
    throw new ClerkError(
      'CONFIG_INVALID',
      `${file} is no name for a manifest; 1 to 63 letters, digits, '.', '_' and '-' before '.yaml' are`,
    );
  return name;
}
