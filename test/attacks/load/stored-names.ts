import type { AttackedRegistry } from './attacked-registry.js';

const linesPerRequest = 1_000;

/** Stores lines of an export, in requests that each stay below the limits of one import. */
export async function storeLines(
  registry: Pick<AttackedRegistry, 'change'>,
  lines: Iterable<object>,
): Promise<void> {
  let part: string[] = [];
  const send = async (): Promise<void> => {
    if (part.length > 0) await registry.change('/v1/import', `${part.join('\n')}\n`);
    part = [];
  };
  for (const line of lines) {
    part.push(JSON.stringify(line));
    if (part.length >= linesPerRequest) await send();
  }
  await send();
}

export function serviceLine(name: string): object {
  return { kind: 'service', name, policy: null, guaranteedMs: 0, launch: null };
}

export function* services(count: number, nameOf: (index: number) => string): IterableIterator<object> {
  for (let i = 0; i < count; i++) yield serviceLine(nameOf(i));
}

/** Makes a text of `length` letters that differs for each number. */
export function letters(number: number, length: number): string {
  let text = '';
  for (let rest = number; text.length < length; rest = Math.floor(rest / 26))
    text += String.fromCharCode(97 + (rest % 26));
  return text;
}
