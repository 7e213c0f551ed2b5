import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/** Content of a folder by the path of each file in the folder. */
export type FolderImage = ReadonlyMap<string, Buffer>;

export function imageOf(folder: string, below = folder): Map<string, Buffer> {
  const image = new Map<string, Buffer>();
  for (const name of readdirSync(below)) {
    const path = join(below, name);
    // A file may be removed meanwhile.
    if (!existsSync(path)) continue;
    if (statSync(path).isDirectory())
      for (const [file, bytes] of imageOf(folder, path)) image.set(file, bytes);
    else {
      const bytes = readIfThere(path);
      if (bytes !== undefined) image.set(relative(folder, path), bytes);
    }
  }
  return image;
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Writes the files of an image to a new folder. */
export function writeImage(folder: string, image: FolderImage): void {
  mkdirSync(folder, { mode: 0o700 });
  for (const [path, bytes] of image) {
    mkdirSync(join(folder, path, '..'), { recursive: true, mode: 0o700 });
    writeFileSync(join(folder, path), bytes, { mode: 0o600 });
  }
}

export const mutilations = [
  'flip',
  'delete',
  'halve',
  'empty',
  'duplicate',
  'swap',
  'old',
  'shorten',
  'zero',
  'append',
] as const;
export type Mutilation = (typeof mutilations)[number];

/**
 * Damages one file of a folder.
 *
 * @param older - images of the folder at earlier moments
 * @returns a description; undefined when the file cannot be damaged in this way
 */
export function mutilate(
  folder: string,
  kind: Mutilation,
  older: readonly FolderImage[],
  random: () => number,
): string | undefined {
  const image = imageOf(folder);
  // The files of the lock have no data.
  const ofLock = (path: string): boolean => path.startsWith('lock/');
  const isLock = random() < 0.05;
  const names = [...image.keys()].filter((path) => ofLock(path) === isLock);
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
  const name = pick(names);
  const bytes = image.get(name) as Buffer;
  const write = (target: string, content: Buffer): void =>
    writeFileSync(join(folder, target), content, { mode: 0o600 });
  const at = Math.floor(random() * bytes.length);
  switch (kind) {
    case 'flip': {
      if (bytes.length === 0) return undefined;
      const bit = Math.floor(random() * 8);
      bytes[at] = (bytes[at] as number) ^ (1 << bit);
      write(name, bytes);
      return `flip bit ${bit} of byte ${at} of ${name} (${bytes.length})`;
    }
    case 'delete':
      rmSync(join(folder, name));
      return `delete ${name}`;
    case 'halve':
      write(name, bytes.subarray(0, bytes.length >> 1));
      return `halve ${name}`;
    case 'empty':
      write(name, Buffer.alloc(0));
      return `empty ${name}`;
    case 'shorten':
      write(name, bytes.subarray(0, at));
      return `shorten ${name} from ${bytes.length} to ${at}`;
    case 'zero':
      bytes.fill(0, at, Math.min(bytes.length, at + 512));
      write(name, bytes);
      return `zero ${name} from ${at} to ${at + 512} (${bytes.length})`;
    case 'append':
      write(name, Buffer.concat([bytes, bytes.subarray(at)]));
      return `append ${bytes.length - at} own bytes to ${name}`;
    case 'duplicate': {
      const last = /^(.*-)(\d{8})$/.exec(name);
      const next = last && `${last[1]}${String(Number(last[2]) + (random() < 0.5 ? 1 : 2)).padStart(8, '0')}`;
      const target = random() < 0.5 ? pick(names) : (next ?? `${name}.copy`);
      if (target === name) return undefined;
      write(target, bytes);
      return `copy ${name} to ${target}`;
    }
    case 'swap': {
      const other = pick(names);
      if (other === name) return undefined;
      write(name, image.get(other) as Buffer);
      write(other, bytes);
      return `swap ${name} and ${other}`;
    }
    case 'old': {
      const versions = older
        .map((one) => one.get(name))
        .filter((one) => one !== undefined && !one.equals(bytes));
      if (versions.length === 0) return undefined;
      const version = pick(versions) as Buffer;
      write(name, version);
      return `restore an older ${name} of ${version.length} bytes (now ${bytes.length})`;
    }
  }
}
