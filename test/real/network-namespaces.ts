import { execFileSync } from 'node:child_process';
import { onTestFinished } from 'vitest';

/** A host made of a network namespace, which is removed when the test ends. */
export interface SimulatedHost {
  readonly ip: string;
  /** Command and arguments that run a program on this host. */
  readonly wrapper: readonly string[];
  /** Runs `ip` on this host. */
  ip4(...args: readonly string[]): void;
}

/** Whether this process may create network namespaces, which needs Linux and root. */
export const canSimulateHosts = ((): boolean => {
  try {
    execFileSync('unshare', ['--net', 'ip', 'link'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

let count = 0;

/**
 * Creates two hosts that reach each other. As with Docker, both have a bridge `docker0` with the same address,
 * 172.17.0.1. Both have the host name of this machine.
 */
export function simulateTwoHosts(): readonly [SimulatedHost, SimulatedHost] {
  const unique = `${String(process.pid)}${String(count++)}`;
  const names = [`clerk-a${unique}`, `clerk-b${unique}`] as const;
  const ips = ['10.77.0.1', '10.77.0.2'] as const;
  const ip = (...args: readonly string[]): void => void execFileSync('ip', args, { stdio: 'pipe' });
  const hosts = names.map((name, i): SimulatedHost => {
    ip('netns', 'add', name);
    onTestFinished(() => ip('netns', 'del', name));
    return {
      ip: ips[i] as string,
      wrapper: ['ip', 'netns', 'exec', name],
      ip4: (...args) => ip('-n', name, ...args),
    };
  });
  const [a, b] = hosts as [SimulatedHost, SimulatedHost];
  ip('link', 'add', 'wire', 'netns', names[0], 'type', 'veth', 'peer', 'name', 'wire', 'netns', names[1]);
  for (const [host, peer] of [
    [a, b],
    [b, a],
  ] as const) {
    host.ip4('link', 'set', 'lo', 'up');
    host.ip4('link', 'add', 'docker0', 'type', 'bridge');
    host.ip4('address', 'add', '172.17.0.1/16', 'dev', 'docker0');
    host.ip4('link', 'set', 'docker0', 'up');
    host.ip4('address', 'add', `${host.ip}/24`, 'dev', 'wire');
    host.ip4('link', 'set', 'wire', 'up');
    host.ip4('route', 'add', 'default', 'via', peer.ip);
  }
  return [a, b];
}
