import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export type Direction = 'request' | 'response';

/** What one client and one server have sent, as TLS records. */
export interface Recording {
  readonly target: number;
  readonly request: Buffer[];
  readonly response: Buffer[];
}

/** Replaces one TLS record by others. `number` counts the records of the direction since the proxy was armed. */
export type Tamper = (direction: Direction, number: number, record: Buffer) => readonly Buffer[];

/** A man in the middle: records all TLS records of a hop, and can replace them. */
export interface RecordingProxy {
  readonly port: number;
  readonly recordings: readonly Recording[];
  /** From now on, the records of the connection with this port of the client pass through the function. */
  arm(clientPort: number, tamper: Tamper): void;
  close(): Promise<void>;
}

/** Splits a stream into TLS records. */
function recordSplitter(onRecord: (record: Buffer) => void): (bytes: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (bytes) => {
    rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    while (rest.length >= 5) {
      const length = 5 + rest.readUInt16BE(3);
      if (rest.length < length) return;
      onRecord(rest.subarray(0, length));
      rest = rest.subarray(length);
    }
  };
}

export async function startRecordingProxy(target: number): Promise<RecordingProxy> {
  const recordings: Recording[] = [];
  const tampers = new Map<number, Tamper>();
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1');
    const recording: Recording = { target, request: [], response: [] };
    recordings.push(recording);
    const clientPort = client.remotePort ?? 0;
    const armed = { request: 0, response: 0 };
    const pass = (direction: Direction, to: Socket) =>
      recordSplitter((record) => {
        recording[direction].push(Buffer.from(record));
        const tamper = tampers.get(clientPort);
        const sent = tamper === undefined ? [record] : tamper(direction, armed[direction]++, record);
        for (const each of sent) to.write(each);
      });
    const end = (): void => {
      client.destroy();
      upstream.destroy();
      tampers.delete(clientPort);
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.setNoDelay(true).on('error', end);
      socket.once('close', () => {
        sockets.delete(socket);
        end();
      });
    }
    client.on('data', pass('request', upstream));
    upstream.on('data', pass('response', client));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    recordings,
    arm: (clientPort, tamper) => void tampers.set(clientPort, tamper),
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
