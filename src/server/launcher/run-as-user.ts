import { quote } from '../../core/describe-value.js';

/** User id and primary group id of a user of this host. */
export interface UserIds {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Finds the user that a manifest names.
 *
 * @param user - a user name or a user id; a user id that is not in `passwd` gets a group id with the same number
 * @param passwd - content of `/etc/passwd`
 * @returns the ids of the user; undefined when `user` is a name that is not in `passwd`
 */
export function findUser(user: string | number, passwd: string): UserIds | undefined {
  for (const line of passwd.split('\n')) {
    const [name, , uid, gid] = line.split(':');
    if (uid === undefined || gid === undefined || !/^\d+$/.test(uid) || !/^\d+$/.test(gid)) continue;
    if (typeof user === 'number' ? Number(uid) === user : name === user)
      return { uid: Number(uid), gid: Number(gid) };
  }
  return typeof user === 'number' ? { uid: user, gid: user } : undefined;
}

/**
 * Checks whether the server can start programs as a user. Only root can change the user of a program.
 *
 * @param ids - result of {@link findUser}
 * @param serverUid - user id of the server; undefined on a host without user ids
 * @returns why the server cannot start programs as the user; undefined when the server can start programs as the user
 */
export function runAsProblem(
  user: string | number,
  ids: UserIds | undefined,
  serverUid: number | undefined,
): string | undefined {
  const name = typeof user === 'number' ? String(user) : quote(user);
  if (ids === undefined) return `must be a user of /etc/passwd or a numeric user id; got ${name}`;
  if (serverUid !== 0 && serverUid !== ids.uid)
    return `must be the user who runs the server, unless the server runs as root; got ${name}`;
  return undefined;
}
