import { readFile, readdir, readlink } from 'node:fs/promises';
import { SocketAddress } from 'node:net';
import { hostname as hostName } from 'node:os';
import { basename } from 'node:path';
import { isUnspecified } from '../core/address.js';
import type { Address } from '../core/address.js';
import type { ListenerState } from '../core/processes.js';
import { ownAddresses } from './host-addresses.js';
import { processStates } from './process-table.js';

interface ListeningSocket {
  readonly inode: string;
  readonly waiting: number;
}

interface ListeningPort extends ListeningSocket {
  readonly ip: string;
  readonly port: number;
}

/** Flag of a listening socket in `/proc/net/unix`. */
const acceptsConnections = 0x10000;

export async function listenerState(address: Address): Promise<ListenerState> {
  const sockets = await listeningSockets(address);
  if (sockets === undefined) return 'unknown';
  if (sockets.length === 0) return 'none';
  const inodes = new Set(sockets.map(({ inode }) => `socket:[${inode}]`));
  return (await areHoldersStopped(inodes)) ? 'stopped' : 'listening';
}

export async function waitingConnections(address: Address): Promise<number> {
  const sockets = (await listeningSockets(address)) ?? [];
  return sockets.length === 0 ? 0 : Math.min(...sockets.map(({ waiting }) => waiting));
}

/** Returns undefined when `/proc` cannot be read or the host name does not stand for this host. */
async function listeningSockets({
  socketPath,
  hostname,
  port,
}: Address): Promise<readonly ListeningSocket[] | undefined> {
  if (socketPath !== undefined) return unixSockets(socketPath);
  const isOwnName = hostname.toLowerCase() === hostName().toLowerCase();
  const ips = ownAddresses(hostname);
  if (!isOwnName && ips.length === 0) return undefined;
  const tables = await Promise.all([readTable('tcp'), readTable('tcp6')]);
  if (tables.every((table) => table === undefined)) return undefined;
  return tables
    .flatMap((table) => table ?? [])
    .filter(
      (socket) => socket.port === port && (isOwnName || isUnspecified(socket.ip) || ips.includes(socket.ip)),
    );
}

/**
 * Finds listening sockets by the last part of their path, since a process can bind a relative path, and links can lead
 * to the folder. `waiting` is 0, because the number of waiting connections is unknown.
 */
async function unixSockets(socketPath: string): Promise<readonly ListeningSocket[] | undefined> {
  const text = await readFile('/proc/net/unix', 'utf8').catch(() => undefined);
  return text?.split('\n').flatMap((line) => {
    const [, flags = '', inode = '', path = ''] =
      /^\S+: \S+ \S+ ([0-9A-F]+) \S+ \S+ +(\d+) (.+)$/.exec(line) ?? [];
    const isListening = (Number.parseInt(flags, 16) & acceptsConnections) !== 0;
    return isListening && basename(path) === basename(socketPath) ? [{ inode, waiting: 0 }] : [];
  });
}

async function readTable(name: 'tcp' | 'tcp6'): Promise<readonly ListeningPort[] | undefined> {
  const text = await readFile(`/proc/net/${name}`, 'latin1').catch(() => undefined);
  return text
    ?.split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .flatMap(([, local = '', , state, queues = '', , , , , inode = '']) => {
      const [ip = '', port = ''] = local.split(':');
      // `0A` means LISTEN. For a listening socket, the second queue counts the waiting connections.
      const waiting = Number.parseInt(queues.split(':')[1] ?? '', 16) || 0;
      return state === '0A' ? [{ ip: decodeIp(ip), port: Number.parseInt(port, 16), inode, waiting }] : [];
    });
}

function decodeIp(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((group) => [...Buffer.from(group, 'hex').reverse()]);
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, i) =>
    (((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0)).toString(16),
  );
  const { address } = new SocketAddress({ address: groups.join(':'), family: 'ipv6' });
  return address.replace(/^::ffff:(?=\d+\.)/, '');
}

/** Whether all known processes that have one of the sockets are stopped. Returns false if no such process is known. */
async function areHoldersStopped(sockets: ReadonlySet<string>): Promise<boolean> {
  const all = (await processStates()) ?? [];
  const stopped = all.filter(({ state }) => state === 'T');
  if (!(await anyHolds(stopped, sockets))) return false;
  return !(await anyHolds(
    all.filter(({ state }) => state !== 'T'),
    sockets,
  ));
}

async function anyHolds(
  processes: readonly { readonly pid: number }[],
  sockets: ReadonlySet<string>,
): Promise<boolean> {
  for (const { pid } of processes) {
    const folder = `/proc/${String(pid)}/fd`;
    const files = await readdir(folder).catch((): string[] => []);
    const targets = await Promise.all(files.map((file) => readlink(`${folder}/${file}`).catch(() => '')));
    if (targets.some((target) => sockets.has(target))) return true;
  }
  return false;
}
