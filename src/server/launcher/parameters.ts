import { ClerkError } from '../../core/errors.js';
import { describeValue, quote } from '../../core/describe-value.js';
import { LinearPattern } from './linear-pattern.js';

/** Maximum length of a value, in characters. This bounds the time of a pattern match. */
export const maxValueLength = 256;

export type ManifestParameter =
  | { readonly type: 'string'; readonly allowed: LinearPattern | ReadonlySet<string> | undefined }
  | { readonly type: 'integer' | 'number'; readonly min: number; readonly max: number };

function placeholders(template: string): readonly string[] {
  return [...template.matchAll(placeholderPattern)].map(([, name]) => name ?? '');
}

/** Returns the problem of a placeholder such as `${name}`; undefined when all placeholders are valid. */
export function templateProblem(template: string, parameterNames: ReadonlySet<string>): string | undefined {
  if (template.replaceAll(placeholderPattern, '').includes('${'))
    return "has a '${' that does not begin a valid placeholder; write a placeholder as ${param}";
  const unknown = placeholders(template).find((name) => !parameterNames.has(name));
  return unknown === undefined
    ? undefined
    : `uses parameter ${quote(unknown)}, which is not declared in params; declare the parameter, or correct the name`;
}

/**
 * Replaces the placeholders in arguments by values. {@link templateProblem} must have checked the arguments. No shell
 * reads the arguments, so values need no quotes.
 *
 * @param values - exactly one value for each parameter
 * @throws {@link ClerkError} `START_FAILED` with the name of the parameter
 * @see [A20](../../../docs/guarantees.md#a20)
 */
export function fillTemplates(
  args: readonly string[],
  parameters: ReadonlyMap<string, ManifestParameter>,
  values: Readonly<Record<string, string | number>>,
): readonly string[] {
  for (const name of Object.keys(values))
    if (!parameters.has(name))
      throw parameterError(
        name,
        'is not declared in the manifest; remove the parameter from the launch rule',
      );
  const texts = new Map<string, string>();
  for (const [name, parameter] of parameters) {
    if (!Object.hasOwn(values, name))
      throw parameterError(name, 'is required; set the parameter in the launch rule');
    texts.set(name, formatValue(name, parameter, values[name]));
  }
  return args.map((template) => {
    const names = placeholders(template);
    const optionLike = names.find((name) => texts.get(name)?.startsWith('-') === true);
    if (optionLike !== undefined && !longOptionPattern.test(template))
      throw parameterError(
        optionLike,
        `must not begin with '-', because the program could parse the value as an option; to allow such values, write the argument in the manifest as '--x=\${${optionLike}}'`,
      );
    return template.replaceAll(placeholderPattern, (_, name: string) => texts.get(name) ?? '');
  });
}

const placeholderPattern = /\$\{([A-Za-z][A-Za-z0-9_]*)\}/g;
const longOptionPattern = /^--[A-Za-z0-9][A-Za-z0-9_.-]*=\$\{[A-Za-z0-9_]+\}$/;

function formatValue(name: string, parameter: ManifestParameter, value: unknown): string {
  if (parameter.type === 'string') {
    if (typeof value !== 'string') throw parameterError(name, `must be a string; got a ${typeof value}`);
    if (value.length > maxValueLength)
      throw parameterError(name, `must be at most ${maxValueLength} characters; got ${value.length}`);
    if (value.includes('\0')) throw parameterError(name, 'must not contain the character \\u0000');
    const { allowed } = parameter;
    if (allowed instanceof LinearPattern ? !allowed.matches(value) : allowed?.has(value) === false)
      throw parameterError(name, `must be a value that the manifest allows; got ${quote(value)}`);
    return value;
  }
  const number = parseNumber(value);
  if (number === undefined || (parameter.type === 'integer' && !Number.isSafeInteger(number)))
    throw parameterError(name, `must be of type ${parameter.type}; got ${describeValue(value)}`);
  if (number < parameter.min || number > parameter.max)
    throw parameterError(name, `must be from ${parameter.min} to ${parameter.max}; got ${number}`);
  return String(number);
}

/** Accepts numbers, and strings in canonical form such as `'8080'`. Returns undefined for any other value. */
function parseNumber(value: unknown): number | undefined {
  const number = typeof value === 'string' && String(Number(value)) === value ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined;
}

function parameterError(name: string, problem: string): ClerkError {
  return new ClerkError('START_FAILED', `Parameter ${quote(name)} ${problem}`);
}
