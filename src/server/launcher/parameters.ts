/**
 * Typed parameters: the only thing of a command line that does not come from the operator. Each hole of the template
 * is filled with one checked value, each template stays one argument, and no shell ever sees any of them.
 *
 * @see promises A20
 */
import { ClerkError } from '../../core/errors.js';
import { shown } from '../../core/shown.js';

/** Most characters of a value. Bounds the time that an operator's pattern takes with it. */
export const mostValueCharacters = 256;

/** What a parameter's value must be. */
export type Parameter =
  | { readonly type: 'string'; readonly fits: RegExp | ReadonlySet<string> | undefined }
  | { readonly type: 'integer' | 'number'; readonly min: number; readonly max: number };

/** Names of the holes in an argument, in order. */
export function holesIn(template: string): readonly string[] {
  return [...template.matchAll(hole)].map(([, name]) => name ?? '');
}

/** What is wrong with the `${` in an argument, or undefined. */
export function templateFault(template: string, known: ReadonlySet<string>): string | undefined {
  if (template.replaceAll(hole, '').includes('${')) return "has a '${' that does not end; write ${param}";
  const unknown = holesIn(template).find((name) => !known.has(name));
  return unknown === undefined ? undefined : `has a hole for ${shown(unknown)}, which is not among params`;
}

/**
 * A command line's words.
 *
 * @param args - templates, checked by {@link templateFault}
 * @param parameters - all that there are
 * @param values - one for each of them, and nothing else
 * @throws {@link ClerkError} `START_FAILED`, naming the parameter
 */
export function filled(
  args: readonly string[],
  parameters: ReadonlyMap<string, Parameter>,
  values: Readonly<Record<string, string | number>>,
): readonly string[] {
  for (const name of Object.keys(values))
    if (!parameters.has(name)) throw refused(name, 'is not known to the manifest');
  const texts = new Map<string, string>();
  for (const [name, parameter] of parameters) {
    if (!Object.hasOwn(values, name)) throw refused(name, 'has no value; give it with the launch rule');
    texts.set(name, textOf(name, parameter, values[name]));
  }
  return args.map((template) => {
    const names = holesIn(template);
    const dashed = names.find((name) => texts.get(name)?.startsWith('-') === true);
    if (dashed !== undefined && !wholeOption.test(template))
      throw refused(
        dashed,
        `begins with '-' and could pass for an option; it can stand in '--x=\${${dashed}}'`,
      );
    return template.replaceAll(hole, (_, name: string) => texts.get(name) ?? '');
  });
}

const hole = /\$\{([A-Za-z][A-Za-z0-9_]*)\}/g;
const wholeOption = /^--[A-Za-z0-9][A-Za-z0-9_.-]*=\$\{[A-Za-z0-9_]+\}$/;

function textOf(name: string, parameter: Parameter, value: unknown): string {
  if (parameter.type === 'string') {
    if (typeof value !== 'string') throw refused(name, `is a ${typeof value}, not a text`);
    if (value.length > mostValueCharacters)
      throw refused(
        name,
        `has ${String(value.length)} characters; ${String(mostValueCharacters)} is the most`,
      );
    if (value.includes('\0')) throw refused(name, 'has the character \\u0000, which no argument can hold');
    const { fits } = parameter;
    if (fits instanceof RegExp ? !fits.test(value) : fits?.has(value) === false)
      throw refused(name, `is ${shown(value)}, which the manifest does not allow`);
    return value;
  }
  const number = numberOf(value);
  if (number === undefined || (parameter.type === 'integer' && !Number.isSafeInteger(number)))
    throw refused(
      name,
      `is ${typeof value === 'number' ? String(value) : shown(value)}, not of type ${parameter.type}`,
    );
  if (number < parameter.min || number > parameter.max)
    throw refused(
      name,
      `is ${String(number)}; ${String(parameter.min)} to ${String(parameter.max)} can be there`,
    );
  return String(number);
}

/** A number, or a text that is one in its only spelling. */
function numberOf(value: unknown): number | undefined {
  const number = typeof value === 'string' && String(Number(value)) === value ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined;
}

function refused(name: string, what: string): ClerkError {
  return new ClerkError('START_FAILED', `Parameter ${shown(name)} ${what}`);
}
