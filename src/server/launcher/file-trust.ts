export interface FileFacts {
  readonly path: string;
  readonly kind: 'file' | 'folder' | 'other';
  readonly owner: number;
  readonly mode: number;
}

/**
 * Returns why a user other than root and the user of the server can change a file; undefined if no user can.
 *
 * @param serverUid - undefined on a host without user ids
 * @see [A20](../../../docs/guarantees.md#a20), [A23](../../../docs/guarantees.md#a23)
 */
export function trustProblem(
  { path, kind, owner, mode }: FileFacts,
  serverUid: number | undefined,
): string | undefined {
  if (serverUid === undefined) return undefined;
  if (owner !== 0 && owner !== serverUid)
    return `${path} must be owned by root or by user ${serverUid}, which runs the server; got user ${owner}; change the owner with chown`;
  // In a folder with the sticky bit, such as `/tmp`, users can replace only their own files.
  if (kind === 'folder' && (mode & 0o1000) !== 0) return undefined;
  if ((mode & 0o022) === 0) return undefined;
  const writer = (mode & 0o002) !== 0 ? 'all users' : 'the group of the file';
  return `${path} must not be writable by ${writer}; run chmod go-w ${path}`;
}

/**
 * Returns why the server must not run a program; undefined when it may.
 *
 * @param facts - facts of the program, then of each folder above the program
 */
export function programProblem(
  facts: readonly FileFacts[],
  serverUid: number | undefined,
): string | undefined {
  const [program] = facts;
  if (program?.kind !== 'file') return `${program?.path ?? 'the program'} must be a regular file`;
  if ((program.mode & 0o111) === 0) return `${program.path} must be executable; run chmod +x ${program.path}`;
  return facts.map((each) => trustProblem(each, serverUid)).find((fault) => fault !== undefined);
}

/**
 * Returns why the server must not run a script; undefined when it may. Only root, the user of the server and the user
 * of the service may change the script. No other user may create files in its folder, because many interpreters load
 * modules from there.
 *
 * @param facts - facts of the script, then of each folder above the script
 * @param serviceUid - id of the user of the service; undefined if it is the user of the server
 */
export function scriptFileProblem(
  facts: readonly FileFacts[],
  serverUid: number | undefined,
  serviceUid: number | undefined,
): string | undefined {
  return facts
    .map((each, index) => {
      const facts =
        each.owner === serviceUid && serverUid !== undefined ? { ...each, owner: serverUid } : each;
      // In the folder of the script, the sticky bit is ignored, because it does not prevent other users from creating
      // files.
      return trustProblem(index === 1 ? { ...facts, mode: facts.mode & ~0o1000 } : facts, serverUid);
    })
    .find((problem) => problem !== undefined);
}
