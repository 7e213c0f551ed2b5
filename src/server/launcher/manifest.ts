import { quote } from '../../core/describe-value.js';
import { ClerkError, errorMessage } from '../../core/errors.js';
import { parseGlob, type Glob } from '../../core/glob.js';
import type { Hashing } from '../../protocol/launch-proof.js';
import { limits } from '../../protocol/limits.js';
import { LinearPattern } from './linear-pattern.js';
import { parseManifestDocument, type ManifestField } from './manifest-document.js';
import { maxValueLength, templateProblem, type ManifestParameter } from './parameters.js';

/** A manifest with valid fields. The program, the working folder and the user were not checked on this host yet. */
export interface ParsedManifest {
  readonly file: string;
  readonly content: string;
  readonly service: Glob;
  /** Path of the program, as written in the manifest. */
  readonly exec: string;
  readonly args: readonly string[];
  readonly params: ReadonlyMap<string, ManifestParameter>;
  readonly env: readonly string[];
  readonly cwd: string;
  /** User name or user id; undefined for the user that runs the server. */
  readonly user: string | number | undefined;
  /**
   * Maximum number of running instances of all matching services, 1 to 1,000. Default 1, or 16 when `service` has
   * wildcards.
   */
  readonly maxInstances: number;
  /** Maximum time from start to registration, in ms, 100 to 600,000. Default 10,000. */
  readonly readyMs: number;
  /**
   * Time without a call after which a service that counts its calls is drained and stopped, in ms, ≥ 1,000. Default:
   * never.
   */
  readonly idleStopMs: number | undefined;
  /** Maximum time from SIGTERM to SIGKILL for an idle or replaced instance, in ms, 100 to 600,000. Default 30,000. */
  readonly drainMs: number;
  /** Size at which the log file is copied and emptied, in bytes, 4,096 to 2 GiB. Default 10 MiB. */
  readonly maxLogBytes: number;
  readonly maxLogFiles: number;
  /** Line numbers of fields, for the errors of later checks. */
  readonly fieldLines: Readonly<Record<'exec' | 'cwd' | 'user', number>>;
}

/**
 * A program that the launcher may start, as the operator of the host has defined it. A launch rule of a client
 * contains only the name of a manifest and parameter values.
 *
 * @see [A20](../../../docs/guarantees.md#a20)
 */
export interface Manifest extends ParsedManifest {
  /** Real path of the program when the manifest was read. A start is rejected if the real path has changed. */
  readonly programPath: string;
  readonly runAs: { readonly uid: number; readonly gid: number } | undefined;
  readonly realPaths: readonly string[];
}

/**
 * Returns a digest of the fields of a manifest and of the real paths of its files. A different version means that a
 * restart would run something else.
 */
export function manifestVersion(
  { content, programPath, realPaths }: Manifest,
  hashing: Pick<Hashing, 'sha256'>,
): string {
  return [content, JSON.stringify([programPath, ...realPaths])]
    .map((part) => hashing.sha256(part).slice(0, 16))
    .join('.');
}

/** Default of `drainMs`. Also used when the manifest of a running service no longer exists. */
export const defaultDrainMs = 30_000;

/** Default limits of a log file. Also used when the manifest of a running service no longer exists. */
export const defaultLogLimits = Object.freeze({ maxLogBytes: 10 * 1024 * 1024, maxLogFiles: 3 });

export function parseManifest(file: string, text: string): ParsedManifest {
  const document = parseManifestDocument(file, text);
  const top = document.fields(
    ...(['version', 'service', 'exec', 'args', 'params', 'env', 'cwd'] as const),
    ...(['user', 'maxInstances', 'readyMs', 'idleStopMs', 'drainMs'] as const),
    ...(['maxLogBytes', 'maxLogFiles'] as const),
  );
  if (top.version.number() !== 1) top.version.fail('must be 1');
  const service = globField(top.service);
  const params = new Map(
    [...top.params.entries()].map(([name, field]) => [name, parameterField(name, field)]),
  );
  return Object.freeze({
    file,
    content: document.toJson(),
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
    drainMs: top.drainMs.integer(100, 600_000, defaultDrainMs),
    maxLogBytes: top.maxLogBytes.integer(4_096, 2 ** 31, defaultLogLimits.maxLogBytes),
    maxLogFiles: top.maxLogFiles.integer(0, 100, defaultLogLimits.maxLogFiles),
    fieldLines: { exec: top.exec.line, cwd: top.cwd.line, user: top.user.line },
  });
}

function globField(field: ManifestField): Glob {
  const text = field.string();
  try {
    return parseGlob(text);
  } catch (error) {
    return field.fail(`must be a service name or a glob: ${errorMessage(error)}`);
  }
}

function absolutePath(field: ManifestField): string {
  const path = stringWithoutNull(field);
  if (!path.startsWith('/')) field.fail(`must be an absolute path; got ${JSON.stringify(path)}`);
  return path;
}

function argumentTemplate(field: ManifestField, parameterNames: ReadonlySet<string>): string {
  const text = stringWithoutNull(field);
  const problem =
    text.length > 4_096 ? 'must be at most 4,096 characters' : templateProblem(text, parameterNames);
  return problem === undefined ? text : field.fail(problem);
}

function stringWithoutNull(field: ManifestField): string {
  const text = field.string();
  return text.includes('\0') ? field.fail('must not contain the character \\u0000') : text;
}

function variableName(field: ManifestField): string {
  const name = field.string();
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(name)) field.fail('must be the name of an environment variable');
  if (reservedVariables.has(name)) field.fail(`must not be ${name}; the launcher sets this variable`);
  return name;
}

const reservedVariables: ReadonlySet<string> = new Set(['CLERK_LAUNCHED', 'CLERK_INSTANCE', 'CLERK_OWNER']);

function userField(field: ManifestField): string | number {
  const user = field.scalar();
  const isValid =
    typeof user === 'number' ? Number.isInteger(user) && user >= 0 && user < 2 ** 32 - 1 : user !== '';
  return isValid ? user : field.fail('must be a user name or a user id');
}

function parameterField(name: string, field: ManifestField): ManifestParameter {
  if (!/^[A-Za-z][A-Za-z0-9_]{0,63}$/.test(name))
    field.fail('must be a parameter name: a letter, then up to 63 letters, digits and _');
  const { type, pattern, enum: choices, min, max } = field.fields('type', 'pattern', 'enum', 'min', 'max');
  const typeName = type.string();
  if (typeName === 'string') {
    for (const bound of [min, max]) if (!bound.isMissing) bound.fail('is not allowed with type string');
    if (pattern.isMissing)
      return { type: typeName, allowed: choices.isMissing ? undefined : enumField(choices) };
    if (!choices.isMissing) choices.fail('cannot be combined with pattern; remove enum or pattern');
    return { type: typeName, allowed: patternField(pattern) };
  }
  if (typeName !== 'integer' && typeName !== 'number')
    return type.fail("must be 'string', 'integer' or 'number'");
  for (const text of [pattern, choices])
    if (!text.isMissing) text.fail(`is not allowed with type ${typeName}`);
  const [minValue, maxValue] = [numberBound(min, typeName, -Infinity), numberBound(max, typeName, Infinity)];
  if (minValue > maxValue) min.fail(`must not be above max; got ${minValue} and max ${maxValue}`);
  return { type: typeName, min: minValue, max: maxValue };
}

function numberBound(field: ManifestField, type: 'integer' | 'number', fallback: number): number {
  if (field.isMissing) return fallback;
  const value = field.number();
  if (type === 'integer' && !Number.isSafeInteger(value)) field.fail('must be an integer');
  return value;
}

function enumField(field: ManifestField): ReadonlySet<string> {
  const choices = field.items(256).map((item) => item.string());
  return choices.length === 0 ? field.fail('must have at least one item') : new Set(choices);
}

function patternField(field: ManifestField): LinearPattern {
  const source = field.string();
  if (source.length > maxValueLength) field.fail('must be at most 256 characters');
  try {
    return new LinearPattern(source);
  } catch (error) {
    return field.fail(`${errorMessage(error)}; got ${quote(source)}`);
  }
}

export function manifestName(file: string): string {
  const name = file.slice(0, file.lastIndexOf('.'));
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name) || name.length > limits.maxManifestNameLength)
    throw new ClerkError(
      'CONFIG_INVALID',
      `Manifest file name must have 1 to ${limits.maxManifestNameLength} characters before '.yaml' or '.yml', each a letter, a digit, '.', '_' or '-', and begin with a letter or a digit; got ${file}`,
    );
  return name;
}
