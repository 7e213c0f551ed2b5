import type { RandomStream } from '../random-stream.js';

/** Content of the files by name. */
export type SimulatedFiles = Map<string, Buffer>;

/** Damages one file. Returns a description; undefined when the drawn file cannot be damaged in the drawn way. */
export function mutateFiles(
  files: SimulatedFiles,
  earlier: readonly SimulatedFiles[],
  random: RandomStream,
): string | undefined {
  const names = [...files.keys()].filter((name) => name !== 'README');
  if (names.length < 2) return undefined;
  const name = random.one(names);
  const bytes = files.get(name) as Buffer;
  const at = random.int(0, Math.max(0, bytes.length - 1));
  const kind = random.one(['flip', 'delete', 'halve', 'empty', 'swap', 'old'] as const);
  switch (kind) {
    case 'flip':
      if (bytes.length === 0) return undefined;
      bytes[at] = (bytes[at] as number) ^ (1 << random.int(0, 7));
      return `a bit of byte ${at} of ${name} is flipped`;
    case 'delete':
      files.delete(name);
      return `${name} is deleted`;
    case 'halve':
      files.set(name, bytes.subarray(0, bytes.length >> 1));
      return `${name} is halved`;
    case 'empty':
      files.set(name, Buffer.alloc(0));
      return `${name} is emptied`;
    case 'swap': {
      const other = random.one(names);
      files.set(name, files.get(other) as Buffer);
      files.set(other, bytes);
      return `${name} and ${other} are exchanged`;
    }
    case 'old': {
      const version = earlier.length > 0 ? random.one(earlier).get(name) : undefined;
      if (version === undefined) return undefined;
      files.set(name, version);
      return `${name} is replaced by an earlier version`;
    }
  }
}
