import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface RawClient {
  readonly socket: Socket;
  send(text: string): void;
  /** Begins to read. Resolves when the received text contains `end`. Rejects when the connection closes before. */
  readUntil(end: string): Promise<string>;
  close(): void;
}

/** Opens a connection that reads nothing until it is asked to. @param localAddress - own address, such as `127.0.0.2` */
export async function openRawClient(url: string, localAddress?: string): Promise<RawClient> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), ...(localAddress && { localAddress }) });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.pause();
  return {
    socket,
    send: (text) => void socket.write(text),
    readUntil: (end) =>
      new Promise((resolve, reject) => {
        let text = '';
        const onClose = (): void =>
          reject(new Error(`The connection closed before ${end}; got ${text.slice(0, 300)}`));
        const onData = (chunk: Buffer): void => {
          text += chunk.toString('latin1');
          if (!text.includes(end)) return;
          socket.off('data', onData).off('close', onClose);
          resolve(text);
        };
        socket.on('data', onData).once('close', onClose).resume();
      }),
    close: () => void socket.destroy(),
  };
}

/** The text of a request of HTTP/1.1. */
export function requestText(path: string, body?: unknown): string {
  if (body === undefined) return `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n`;
  const json = JSON.stringify(body);
  return `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: ${String(Buffer.byteLength(json))}\r\n\r\n${json}`;
}
