/** Owner and permissions of a file or folder. */
export interface FileFacts {
  readonly path: string;
  readonly kind: 'file' | 'folder' | 'other';
  /** User id of its owner. */
  readonly owner: number;
  /** Permission bits, as in `stat`. */
  readonly mode: number;
}

/**
 * Says why a user other than root and the server's own could change the file; undefined when none could.
 *
 * @param serverUid - user id of the server; undefined where the host has none
 * @see [A20](../../../docs/guarantees.md#a20), [A23](../../../docs/guarantees.md#a23)
 */
export function trustProblem(
  { path, kind, owner, mode }: FileFacts,
  serverUid: number | undefined,
): string | undefined {
  if (serverUid === undefined) return undefined;
  if (owner !== 0 && owner !== serverUid)
    return `${path} must be owned by root or by the server's user ${String(serverUid)}; got user ${String(owner)}`;
  // In a folder with the sticky bit, users can replace only their own files.
  if (kind === 'folder' && (mode & 0o1000) !== 0) return undefined;
  if ((mode & 0o022) === 0) return undefined;
  const writer = (mode & 0o002) !== 0 ? 'all users' : 'its group';
  return `${path} must not be writable by ${writer}; run chmod go-w on it`;
}

/**
 * Says why a program must not be run; undefined when it may.
 *
 * @param facts - of the program, then of each folder above it
 */
export function programProblem(
  facts: readonly FileFacts[],
  serverUid: number | undefined,
): string | undefined {
  const [program] = facts;
  if (program?.kind !== 'file') return `${program?.path ?? 'it'} must be a regular file`;
  if ((program.mode & 0o111) === 0) return `${program.path} must be executable; run chmod +x on it`;
  return facts.map((each) => trustProblem(each, serverUid)).find((fault) => fault !== undefined);
}
