/** The port through which calls teach health. */
import type { ConnectedCandidate } from './candidate.js';
import type { Load } from './load-report.js';

/**
 * What a failed attempt shows of its endpoint. `refused`: no connection could be made. `reset`: the connection was
 * cut before an answer. `timeout`: nothing was heard in time. `unreached`: nothing was heard in time, and no connection
 * stood yet. These four are hard evidence and set it aside at once. `status`: it answered that it failed. `slow`: it is
 * alive and was not waited for.
 */
export type Evidence = 'refused' | 'reset' | 'timeout' | 'connect-timeout' | 'status' | 'slow';

/** Learns from attempts. All methods are synchronous and cheap; none throws. */
export interface Health {
  /** An attempt begins. */
  attemptStarted(candidate: ConnectedCandidate): void;
  /** The head of a good answer arrived, `latencyMs` after the attempt began; undefined when that was not measured. */
  responseReceived(candidate: ConnectedCandidate, latencyMs: number | undefined, now: number): void;
  /** An attempt has not answered for this long and was not waited for: no failure, but a latency of so much at least. */
  hedgeLost(candidate: ConnectedCandidate, elapsedMs: number, now: number): void;
  /** The head of an answer, good or bad, said how loaded its endpoint is. Called after what the answer itself shows. */
  loadReported(candidate: ConnectedCandidate, load: Load, now: number): void;
  /** The attempt failed. `beganAt`: when it began, to tell a silent endpoint from a slow answer. */
  attemptFailed(candidate: ConnectedCandidate, evidence: Evidence, startedAt: number, now: number): void;
  /** The attempt is over, whatever became of it. Called once for every `began`. */
  attemptEnded(candidate: ConnectedCandidate): void;
  /**
   * Whether an attempt may dial this candidate now. An endpoint that refuses, or lets nobody in, gets one attempt at
   * a time, further and further apart. @see promises C4.1
   */
  canDial(candidate: ConnectedCandidate, now: number): boolean;
  /** When `admits` will say yes again, on the clock's scale. */
  nextDialAt(candidate: ConnectedCandidate): number;
}
