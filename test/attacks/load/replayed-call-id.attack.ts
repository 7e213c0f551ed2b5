import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { atMostOnce } from '../../../src/service/index.js';
import type { LoadAttack } from './load-attack.js';
import { silentLogger } from './silent-logger.js';

export const attack: LoadAttack = {
  name: 'replayed-call-id',
  what: 'a caller that sends the call ids of others gets none of their stored responses',
  sizes: { small: 50, full: 5_000 },
  limits: { stolenResponses: 0, repeatedRuns: 0, lostReplays: 0 },
  async run(size) {
    let runs = 0;
    const server = createServer(
      atMostOnce(
        (request, response) => {
          runs++;
          response.end(`secret of ${String(request.headers.authorization)}`);
        },
        { logger: silentLogger },
      ),
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/pay`;
    const startedAt = Date.now();
    const send = async (i: number, authorization?: string): Promise<string> => {
      const id = `${String(startedAt).padStart(13, '0')}-${i.toString(16).padStart(32, '0')}`;
      const headers = { 'clerk-call-id': id, ...(authorization !== undefined && { authorization }) };
      return (await fetch(url, { method: 'POST', body: 'pay', headers })).text();
    };
    let [stolenResponses, lostReplays] = [0, 0];
    try {
      for (let i = 0; i < size; i++) {
        const alice = await send(i, 'Bearer alice');
        for (const other of ['Bearer mallory', '', undefined])
          if ((await send(i, other)).includes('alice')) stolenResponses++;
        if ((await send(i, 'Bearer alice')) !== alice) lostReplays++;
      }
      return { stolenResponses, repeatedRuns: runs - size, lostReplays };
    } finally {
      server.close();
      server.closeAllConnections();
    }
  },
};
