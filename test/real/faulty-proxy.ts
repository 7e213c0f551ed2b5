import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { seededRandom } from 'binding-clerk/testing';
import { onTestFinished } from 'vitest';

/** Number of injected faults. */
export interface FaultCounts {
  refused: number;
  requestsLost: number;
  responsesLost: number;
  responsesCut: number;
  responsesStalled: number;
}

/**
 * A TCP proxy that injects random faults from a seed: resets new connections, loses requests, and loses, cuts
 * or stalls responses. It does not parse what passes.
 */
export interface FaultyProxy {
  readonly port: number;
  readonly counts: FaultCounts;
  /** Stops injecting faults. */
  heal(): void;
}

/** Starts a proxy in front of a loopback port; it ends with the test. */
export async function faultyProxy(target: number, seed: number): Promise<FaultyProxy> {
  const random = seededRandom(seed, 1);
  const counts: FaultCounts = {
    refused: 0,
    requestsLost: 0,
    responsesLost: 0,
    responsesCut: 0,
    responsesStalled: 0,
  };
  const sockets = new Set<Socket>();
  let isHealed = false;
  const injects = (chance: number, what: keyof FaultCounts): boolean => {
    if (isHealed || random() >= chance) return false;
    counts[what]++;
    return true;
  };
  const server = createServer((socket) => {
    if (injects(0.05, 'refused')) {
      socket.resetAndDestroy();
      return;
    }
    const upstream = connect(target, '127.0.0.1');
    let isStalled = false;
    const cut = (): void => {
      socket.resetAndDestroy();
      upstream.destroy();
    };
    for (const one of [socket, upstream]) {
      sockets.add(one);
      one.setNoDelay(true).on('error', cut);
      one.on('close', () => {
        sockets.delete(one);
        cut();
      });
    }
    socket.on('data', (chunk) => {
      if (injects(0.02, 'requestsLost')) cut();
      else upstream.write(chunk);
    });
    upstream.on('data', (chunk) => {
      if (isStalled) return;
      if (injects(0.03, 'responsesLost')) cut();
      else if (injects(0.02, 'responsesCut')) {
        socket.write(chunk.subarray(0, Math.floor(chunk.length * random())), cut);
        isStalled = true;
      } else if (injects(0.001, 'responsesStalled')) isStalled = true;
      else socket.write(chunk);
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    port: (server.address() as AddressInfo).port,
    counts,
    heal: () => {
      isHealed = true;
    },
  };
}
