import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { LoadAttack } from './load-attack.js';

const folder = fileURLToPath(new URL('.', import.meta.url));
const suffix = '.attack.ts';

/** The names of the attacks of this folder: each `NAME.attack.ts` exports `attack`. */
export function attackNames(): readonly string[] {
  const files = readdirSync(folder).filter((file) => file.endsWith(suffix));
  return files.map((file) => file.slice(0, -suffix.length)).sort();
}

export async function loadAttack(name: string): Promise<LoadAttack> {
  const { attack } = (await import(`${folder}${name}${suffix}`)) as { readonly attack: LoadAttack };
  if (attack.name !== name) throw new Error(`The attack in ${name}${suffix} must have the name of its file`);
  return attack;
}
