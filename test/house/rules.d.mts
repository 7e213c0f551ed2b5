/** A file that the rules read; paths are relative to the repository. */
export interface TextFile {
  readonly path: string;
  readonly kind: 'code' | 'page' | 'patch';
  readonly text: string;
}

/** One fault. */
export interface Finding {
  readonly file: string;
  readonly line: number;
  readonly rule: string;
  readonly found: string;
  /** What to write in its place. */
  readonly instead: string;
}

export function findingsIn(files: readonly TextFile[], exists: (path: string) => boolean): Finding[];
