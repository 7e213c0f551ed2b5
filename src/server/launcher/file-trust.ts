/** Whom a file can be changed by: what is run, and what says what may be run, belongs to the operator. */

/** What is known of a file or folder. */
export interface FileFacts {
  readonly path: string;
  readonly kind: 'file' | 'folder' | 'other';
  /** User id of its owner. */
  readonly owner: number;
  /** Permissions, as of `stat`. */
  readonly mode: number;
}

/**
 * Why nobody but root and the server's own user could be relied on to write there, or undefined.
 *
 * @param serverUid - user id of the server; undefined where there are none
 * @see promises A20, A23
 */
export function trustProblem(
  { path, kind, owner, mode }: FileFacts,
  serverUid: number | undefined,
): string | undefined {
  if (serverUid === undefined) return undefined;
  if (owner !== 0 && owner !== serverUid)
    return `${path} belongs to user ${String(owner)}; let it belong to root or to user ${String(serverUid)}, as whom the server runs`;
  // In a folder with the sticky bit nobody can replace what belongs to somebody else.
  if (kind === 'folder' && (mode & 0o1000) !== 0) return undefined;
  if ((mode & 0o022) === 0) return undefined;
  const writer = (mode & 0o002) !== 0 ? 'everybody' : 'its group';
  return `${path} can be written by ${writer}; take that away with chmod go-w`;
}

/** Why a program cannot be relied on, or undefined; its own facts first, then those of the folders above it. */
export function programProblem(
  facts: readonly FileFacts[],
  serverUid: number | undefined,
): string | undefined {
  const [program] = facts;
  if (program?.kind !== 'file') return `${program?.path ?? 'it'} is no regular file`;
  if ((program.mode & 0o111) === 0) return `${program.path} is not executable; make it so with chmod +x`;
  return facts.map((each) => trustProblem(each, serverUid)).find((fault) => fault !== undefined);
}
