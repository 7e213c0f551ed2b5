/**
 * Typed parameters: the only thing of a command line that does not come from the operator. Each hole of the template
 * is filled with one checked value, each template stays one argument, and no shell ever sees any of them.
 *
 * @see promises A20
 */
import { ClerkError } from '../../core/errors.js';
import { quote } from '../../core/describe-value.js';

/** Most characters of a value. Bounds the time that an operator's pattern takes with it. */
export const maxValueLength = 256;

/** What a parameter's value must be. */
export type ManifestParameter =
  | { readonly type: 'string'; readonly allowed: RegExp | ReadonlySet<string> | undefined }
  | { readonly type: 'integer' | 'number'; readonly min: number; readonly max: number };

/** Names of the holes in an argument, in order. */
export function placeholders(template: string): readonly string[] {
  return [...template.matchAll(placeholderPattern)].map(([, name]) => name ?? '');
}

/** What is wrong with the `${` in an argument, or undefined. */
export function templateProblem(template: string, parameterNames: ReadonlySet<string>): string | undefined {
  if (template.replaceAll(placeholderPattern, '').includes('${'))
    return "has a '${' that does not end; write ${param}";
  const unknown = placeholders(template).find((name) => !parameterNames.has(name));
  return unknown === undefined ? undefined : `has a hole for ${quote(unknown)}, which is not among params`;
}

/**
 * A command line's words.
 *
 * @param args - templates, checked by {@link templateProblem}
 * @param parameters - all that there are
 * @param values - one for each of them, and nothing else
 * @throws {@link ClerkError} `START_FAILED`, naming the parameter
 */
export function fillTemplates(
  args: readonly string[],
  parameters: ReadonlyMap<string, ManifestParameter>,
  values: Readonly<Record<string, string | number>>,
): readonly string[] {
  for (const name of Object.keys(values))
    if (!parameters.has(name)) throw parameterError(name, 'is not known to the manifest');
  const texts = new Map<string, string>();
  for (const [name, parameter] of parameters) {
    if (!Object.hasOwn(values, name))
      throw parameterError(name, 'has no value; give it with the launch rule');
    texts.set(name, formatValue(name, parameter, values[name]));
  }
  return args.map((template) => {
    const names = placeholders(template);
    const optionLike = names.find((name) => texts.get(name)?.startsWith('-') === true);
    if (optionLike !== undefined && !longOptionPattern.test(template))
      throw parameterError(
        optionLike,
        `begins with '-' and could pass for an option; it can stand in '--x=\${${optionLike}}'`,
      );
    return template.replaceAll(placeholderPattern, (_, name: string) => texts.get(name) ?? '');
  });
}

const placeholderPattern = /\$\{([A-Za-z][A-Za-z0-9_]*)\}/g;
const longOptionPattern = /^--[A-Za-z0-9][A-Za-z0-9_.-]*=\$\{[A-Za-z0-9_]+\}$/;

function formatValue(name: string, parameter: ManifestParameter, value: unknown): string {
  if (parameter.type === 'string') {
    if (typeof value !== 'string') throw parameterError(name, `is a ${typeof value}, not a text`);
    if (value.length > maxValueLength)
      throw parameterError(
        name,
        `has ${String(value.length)} characters; ${String(maxValueLength)} is the most`,
      );
    if (value.includes('\0'))
      throw parameterError(name, 'has the character \\u0000, which no argument can hold');
    const { allowed } = parameter;
    if (allowed instanceof RegExp ? !allowed.test(value) : allowed?.has(value) === false)
      throw parameterError(name, `is ${quote(value)}, which the manifest does not allow`);
    return value;
  }
  const number = parseNumber(value);
  if (number === undefined || (parameter.type === 'integer' && !Number.isSafeInteger(number)))
    throw parameterError(
      name,
      `is ${typeof value === 'number' ? String(value) : quote(value)}, not of type ${parameter.type}`,
    );
  if (number < parameter.min || number > parameter.max)
    throw parameterError(
      name,
      `is ${String(number)}; ${String(parameter.min)} to ${String(parameter.max)} can be there`,
    );
  return String(number);
}

/** A number, or a text that is one in its only spelling. */
function parseNumber(value: unknown): number | undefined {
  const number = typeof value === 'string' && String(Number(value)) === value ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined;
}

function parameterError(name: string, problem: string): ClerkError {
  return new ClerkError('START_FAILED', `Parameter ${quote(name)} ${problem}`);
}
