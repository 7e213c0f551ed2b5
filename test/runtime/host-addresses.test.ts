/** The addresses of a host with several interfaces, in a network namespace. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { canSimulateHosts } from '../real/network-namespaces.js';

const source = fileURLToPath(new URL('../../src/runtime/host-addresses.ts', import.meta.url));

test.skipIf(!canSimulateHosts)(
  'the interface with the default route is first, bridges are last, and loopback is left out',
  { timeout: 30_000 },
  () => {
    const script = [
      'set -e',
      'ip link set lo up',
      // The system lists interfaces in the order of their creation.
      'ip link add docker0 type bridge',
      'ip address add 172.17.0.1/16 dev docker0',
      'ip link add other type veth peer name other-end',
      'ip address add 10.2.0.1/24 dev other',
      'ip link add uplink type veth peer name uplink-end',
      'ip address add 10.1.0.1/24 dev uplink',
      'ip address add fd01::1/64 dev uplink nodad',
      'for name in docker0 other other-end uplink uplink-end; do ip link set $name up; done',
      'ip route add default via 10.1.0.2',
      'exec "$@"',
    ].join('\n');
    const print = `import(${JSON.stringify(source)}).then(({ hostAddresses }) => console.log(JSON.stringify(hostAddresses())))`;
    const command = [process.execPath, '--import', 'tsx', '--eval', print];
    const output = execFileSync('unshare', ['--net', 'sh', '-c', script, 'sh', ...command], {
      encoding: 'utf8',
    });
    expect(JSON.parse(output)).toEqual(['10.1.0.1', 'fd01::1', '10.2.0.1', '172.17.0.1']);
  },
);
