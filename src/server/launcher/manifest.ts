/**
 * Manifests: what the operator of a host allows to be started there, and how. Whoever asks for a start names a manifest
 * and gives values for its parameters; everything else is written here. A manifest is taken as it is or refused.
 *
 * @see promises A20
 */
import { ClerkError, errorMessage } from '../../core/errors.js';
import { parseGlob, type Glob } from '../../core/glob.js';
import { parseManifestDocument, type ManifestField } from './manifest-document.js';
import { maxValueLength, templateProblem, type ManifestParameter } from './parameters.js';

/** A manifest that was read and checked, but for what only the host can tell of it. */
export interface ParsedManifest {
  /** File that it comes from, for messages. */
  readonly file: string;
  /** The names that can be started with it. */
  readonly service: Glob;
  /** Absolute path of the program, as written. */
  readonly exec: string;
  readonly args: readonly string[];
  readonly params: ReadonlyMap<string, ManifestParameter>;
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
  readonly fieldLines: Readonly<Record<'exec' | 'cwd' | 'user', number>>;
}

/** A manifest with what the host said of it. */
export interface Manifest extends ParsedManifest {
  /** Where the program really is; a link that leads elsewhere later is refused. */
  readonly programPath: string;
  readonly runAs: { readonly uid: number; readonly gid: number } | undefined;
}

/**
 * Reads a manifest.
 *
 * @param file - what messages call it
 * @throws {@link ClerkError} `CONFIG_INVALID`, with file, line and field
 */
export function parseManifest(file: string, text: string): ParsedManifest {
  const top = parseManifestDocument(file, text).fields(
    ...(['version', 'service', 'exec', 'args', 'params', 'env', 'cwd'] as const),
    ...(['user', 'maxInstances', 'readyMs', 'idleStopMs'] as const),
  );
  if (top.version.number() !== 1) top.version.fail('is not 1, the only version there is');
  const service = globField(top.service);
  const params = new Map(
    [...top.params.entries()].map(([name, field]) => [name, parameterField(name, field)]),
  );
  return Object.freeze({
    file,
    service,
    exec: absolutePath(top.exec),
    args: top.args.items(64).map((field) => argumentTemplate(field, new Set(params.keys()))),
    params,
    env: top.env.items(64).map(variableName),
    cwd: top.cwd.isMissing ? '/' : absolutePath(top.cwd),
    user: top.user.isMissing ? undefined : userField(top.user),
    maxInstances: top.maxInstances.integer(1, 1_000, service.isExact ? 1 : 16),
    readyMs: top.readyMs.integer(100, 600_000, 10_000),
    idleStopMs: top.idleStopMs.integer(1_000, 2 ** 31 - 1),
    fieldLines: { exec: top.exec.line, cwd: top.cwd.line, user: top.user.line },
  });
}

function globField(field: ManifestField): Glob {
  const text = field.string();
  try {
    return parseGlob(text);
  } catch (error) {
    return field.fail(`cannot be used: ${errorMessage(error)}`);
  }
}

function absolutePath(field: ManifestField): string {
  const path = stringWithoutNull(field);
  if (!path.startsWith('/')) field.fail(`is ${JSON.stringify(path)}; write the whole path, from '/' on`);
  return path;
}

function argumentTemplate(field: ManifestField, parameterNames: ReadonlySet<string>): string {
  const text = stringWithoutNull(field);
  const problem =
    text.length > 4_096 ? 'is longer than 4,096 characters' : templateProblem(text, parameterNames);
  return problem === undefined ? text : field.fail(problem);
}

function stringWithoutNull(field: ManifestField): string {
  const text = field.string();
  return text.includes('\0') ? field.fail('has the character \\u0000') : text;
}

function variableName(field: ManifestField): string {
  const name = field.string();
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(name)) field.fail('is no name of a variable');
  if (reservedVariables.has(name)) field.fail(`is ${name}, which the launcher sets itself`);
  return name;
}

const reservedVariables: ReadonlySet<string> = new Set(['CLERK_LAUNCHED', 'CLERK_INSTANCE']);

function userField(field: ManifestField): string | number {
  const user = field.scalar();
  const isValid =
    typeof user === 'number' ? Number.isInteger(user) && user >= 0 && user < 2 ** 32 - 1 : user !== '';
  return isValid ? user : field.fail('is no name and no number of a user');
}

function parameterField(name: string, field: ManifestField): ManifestParameter {
  if (!/^[A-Za-z][A-Za-z0-9_]{0,63}$/.test(name))
    field.fail('is no name of a parameter: a letter, then up to 63 letters, digits and _');
  const { type, pattern, enum: choices, min, max } = field.fields('type', 'pattern', 'enum', 'min', 'max');
  const typeName = type.string();
  if (typeName === 'string') {
    for (const bound of [min, max]) if (!bound.isMissing) bound.fail('does not go with a string');
    if (pattern.isMissing)
      return { type: typeName, allowed: choices.isMissing ? undefined : enumField(choices) };
    if (!choices.isMissing) choices.fail('does not go with pattern; leave one of them out');
    return { type: typeName, allowed: patternField(pattern) };
  }
  if (typeName !== 'integer' && typeName !== 'number')
    return type.fail("is not 'string', 'integer' or 'number'");
  for (const text of [pattern, choices]) if (!text.isMissing) text.fail(`does not go with type ${typeName}`);
  const [minValue, maxValue] = [numberBound(min, typeName, -Infinity), numberBound(max, typeName, Infinity)];
  if (minValue > maxValue) min.fail(`is ${String(minValue)}, above max, which is ${String(maxValue)}`);
  return { type: typeName, min: minValue, max: maxValue };
}

function numberBound(field: ManifestField, type: 'integer' | 'number', fallback: number): number {
  if (field.isMissing) return fallback;
  const value = field.number();
  if (type === 'integer' && !Number.isSafeInteger(value)) field.fail('is no integer');
  return value;
}

function enumField(field: ManifestField): ReadonlySet<string> {
  const choices = field.items(256).map((item) => item.string());
  return choices.length === 0 ? field.fail('has no item, so that no value would do') : new Set(choices);
}

/** An operator's pattern: for the whole value, which is at most {@link maxValueLength} long. */
function patternField(field: ManifestField): RegExp {
  const source = field.string();
  if (source.length > maxValueLength) field.fail('is longer than 256 characters');
  try {
    // Alone first, so that nothing in it can close the brackets around it.
    const { source: checkedSource } = new RegExp(source, 'u');
    return new RegExp(`^(?:${checkedSource})$`, 'u');
  } catch (error) {
    return field.fail(`cannot be used: ${errorMessage(error)}`);
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
