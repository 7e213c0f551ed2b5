/** How an upgraded connection counts at its endpoint. */
import { AsyncResource } from 'node:async_hooks';
import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { RequestCopy } from '../../src/binding/request-copy.js';
import type { Health } from '../../src/core/health.js';
import type { ConnectedCandidate } from '../../src/core/candidate.js';
import type { RequestHandler, TransportRequest } from '../../src/core/transport.js';
import type { CallDeadline } from '../../src/invoke/call-deadline.js';
import { HttpCall } from '../../src/invoke/http-call.js';
import { endpoint, FakeChannel } from '../support/endpoints.js';
import { candidate, FakeCallContext } from './fake-call-context.js';
import { recordingHandler } from './recording-handler.js';

class RecordingChannel extends FakeChannel {
  handler: RequestHandler | undefined;

  override dispatch(_request?: TransportRequest, handler?: RequestHandler): void {
    this.handler = handler;
    handler?.onConnect(() => undefined);
  }
}

interface Counts {
  pending: number;
  held: number;
}

/** Counts the attempts that are reported to the health of a context. */
function countAttempts(context: FakeCallContext): Counts {
  const counts = { pending: 0, held: 0 };
  Object.assign<Health, Partial<Health>>(context.health, {
    attemptStarted: () => {
      counts.pending++;
    },
    attemptHeld: () => {
      counts.held++;
    },
    attemptEnded: (_candidate, wasHeld) => {
      counts.pending--;
      if (wasHeld) counts.held--;
    },
  });
  return counts;
}

const deadline: CallDeadline = {
  ...{ timeoutMs: 10_000, isExplicit: false, totalTimeoutMs: Infinity, elapsedMs: 0 },
  ...{ inboundLeftMs: Infinity, allowsRetries: true, overrides: undefined, waitsForReady: false },
};

function startUpgrade() {
  const context = new FakeCallContext();
  const counts = countAttempts(context);
  const channel = new RecordingChannel(endpoint('a'));
  const one: ConnectedCandidate = { ...candidate('a'), channel };
  context.candidates = [one];
  const request = new RequestCopy({ path: '/live', method: 'GET' });
  const constraints = { affinity: undefined, tlsOnly: false };
  const scope = new AsyncResource('TEST');
  new HttpCall(context, context, request, recordingHandler(), 'safe', constraints, deadline, scope).start();
  return { counts, handler: channel.handler as RequestHandler };
}

test('an upgraded connection counts as held until its socket closes', () => {
  const { counts, handler } = startUpgrade();
  expect(counts).toEqual({ pending: 1, held: 0 });
  const socket = new EventEmitter();
  handler.onUpgrade(101, [], socket);
  expect(counts).toEqual({ pending: 1, held: 1 });
  socket.emit('close');
  expect(counts).toEqual({ pending: 0, held: 0 });
});

test('an upgraded connection without events counts as ended at once', () => {
  const { counts, handler } = startUpgrade();
  handler.onUpgrade(101, [], undefined);
  expect(counts).toEqual({ pending: 0, held: 0 });
});
