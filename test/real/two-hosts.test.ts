/** Two hosts with equal host names and equal bridge addresses, made of network namespaces. */
import { describe, expect, test } from 'vitest';
import { canSimulateHosts, simulateTwoHosts, type SimulatedHost } from './network-namespaces.js';
import { spawnProgram, type SpawnedProgram } from './spawn-program.js';

const port = '3001';

interface Scene {
  readonly caller: SpawnedProgram;
  readonly service: SpawnedProgram;
  readonly addresses: string;
  readonly serviceHost: SimulatedHost;
  /** Sends 20 POST requests. Returns the ends of the calls, and the number of bodies that another program got. */
  callAgain(): Promise<{ readonly bodies: number; readonly ends: readonly string[] }>;
}

async function startScene(): Promise<Scene> {
  const [callerHost, serviceHost] = simulateTwoHosts();
  const run = (name: string, args: readonly string[], host: SimulatedHost): SpawnedProgram =>
    spawnProgram(name, args, undefined, host.wrapper);
  const caller = run('distant-caller.ts', [callerHost.ip, port], callerHost);
  const registry = await caller.waitForLine('registry');
  const called = caller.waitForLine('called');
  const service = run('distant-service.ts', [registry, port], serviceHost);
  const addresses = await service.waitForLine('advertised');
  await called;
  return {
    caller,
    service,
    addresses,
    serviceHost,
    callAgain: async () => {
      const ended = caller.waitForLine('ended');
      caller.child.kill('SIGUSR2');
      return JSON.parse(await ended) as Awaited<ReturnType<Scene['callAgain']>>;
    },
  };
}

async function kill({ child, result }: SpawnedProgram): Promise<void> {
  child.kill('SIGKILL');
  await result;
}

/** Whether a call did not fail. A request that was written to an open connection may have run: its execution is unknown. */
function isSuccess(end: string): boolean {
  return !/ (none|unknown)$/.test(end);
}

describe.runIf(canSimulateHosts)('two hosts with docker0', () => {
  test('calls never reach another program on the host of the caller when the service is killed', async () => {
    const scene = await startScene();
    expect(scene.addresses).toBe('http://10.77.0.2:3001 http://172.17.0.1:3001 http://127.0.0.1:3001');
    await kill(scene.service);
    const { bodies, ends } = await scene.callAgain();
    expect([bodies, ends.filter(isSuccess)]).toEqual([0, []]);
  });

  test('calls never reach another program on the host of the caller when the host of the service is gone', async () => {
    const scene = await startScene();
    scene.serviceHost.ip4('link', 'set', 'wire', 'down');
    const { bodies, ends } = await scene.callAgain();
    expect([bodies, ends.filter(isSuccess)]).toEqual([0, []]);
  });

  test('calls reach a service whose host got another address, as by DHCP', { timeout: 90_000 }, async () => {
    const { serviceHost, service, callAgain } = await startScene();
    serviceHost.ip4('address', 'del', '10.77.0.2/24', 'dev', 'wire');
    serviceHost.ip4('address', 'add', '10.77.0.3/24', 'dev', 'wire');
    serviceHost.ip4('route', 'add', 'default', 'via', '10.77.0.1');
    const results: Awaited<ReturnType<Scene['callAgain']>>[] = [];
    await expect
      .poll(
        async () => {
          results.push(await callAgain());
          return results.at(-1)?.ends;
        },
        { timeout: 75_000 },
      )
      .toEqual(['service']);
    expect(results.every(({ bodies }) => bodies === 0)).toBe(true);
    await kill(service);
    expect((await service.result).stderr).toContain(
      ' to http://10.77.0.3:3001, http://172.17.0.1:3001, http://127.0.0.1:3001',
    );
  });

  test('no POST reaches another program that took over the address of the service', async () => {
    const scene = await startScene();
    await kill(scene.service);
    const other = spawnProgram('distant-service.ts', ['other', port], undefined, scene.serviceHost.wrapper);
    await other.waitForLine('listening');
    const { bodies, ends } = await scene.callAgain();
    expect([bodies, ends.filter(isSuccess)]).toEqual([0, []]);
    await kill(other);
    expect((await other.result).stdout).not.toContain('other POST');
  });
});
