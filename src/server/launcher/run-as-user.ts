/** Whom a program runs as. Only root can choose; a program that was to run as somebody else never runs as root. */
import { quote } from '../../core/describe-value.js';

/** A user of this host. */
export interface UserIds {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Finds a user.
 *
 * @param user - name, or user id; an id that is not listed is its own group
 * @param passwd - lines as of `/etc/passwd`
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

/** Why a server that runs as `own` cannot start programs as this user, or undefined. */
export function runAsProblem(
  user: string | number,
  ids: UserIds | undefined,
  serverUid: number | undefined,
): string | undefined {
  const name = typeof user === 'number' ? String(user) : quote(user);
  if (ids === undefined) return `is ${name}, who is not in /etc/passwd; write the number`;
  if (serverUid !== 0 && serverUid !== ids.uid)
    return `is ${name}, and only a server that runs as root can start programs as somebody else`;
  return undefined;
}
