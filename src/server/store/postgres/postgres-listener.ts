import type { HintEvents } from '../hint-stream.js';
import type { PostgresConnection } from './postgres-connection.js';
import type { PostgresConnections } from './postgres-connections.js';

const timeoutMs = 2_000;

/**
 * Listens for new batches on a separate connection. The notification channel has the name of the schema.
 *
 * @returns a function that closes the connection
 */
export function listenForBatches(connections: PostgresConnections, events: HintEvents): () => void {
  let isStopped = false;
  let connection: PostgresConnection | undefined;
  const run = async (): Promise<void> => {
    connection = await connections.connect(timeoutMs);
    if (isStopped) {
      connection.destroy();
      return;
    }
    connection.onNotification((payload) => events.onHint(Number(payload)));
    connection.onEnd(() => events.onEnd());
    await connection.query(`LISTEN ${connections.place.schema}`, [], timeoutMs);
    events.onHint(undefined);
  };
  run().catch(() => events.onEnd());
  return () => {
    isStopped = true;
    connection?.destroy();
  };
}
