import { quote } from '../../core/describe-value.js';

interface UserIds {
  readonly uid: number;
  readonly gid: number;
}

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
 * Returns why the server cannot run programs as a user; undefined when it can. Only root can run programs as another
 * user.
 */
export function runAsProblem(
  user: string | number,
  ids: UserIds | undefined,
  serverUid: number | undefined,
): string | undefined {
  const name = typeof user === 'number' ? String(user) : quote(user);
  if (ids === undefined) return `must be a user of /etc/passwd or a numeric user id; got ${name}`;
  if (serverUid !== 0 && serverUid !== ids.uid)
    return `must be the user that runs the server, because only root can start programs as another user; got ${name}`;
  return undefined;
}
