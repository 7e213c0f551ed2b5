import { join } from 'node:path';
import { diskCalls, salvageCalls } from 'binding-clerk/service';
import { isClerkError } from '../../src/core/errors.js';
import type { CallRecord, IdempotencyStore, StoredResponse } from '../../src/core/idempotency-store.js';
import { openDataFolder } from '../../src/runtime/system-data-folder.js';
import { DiskIdempotencyStore } from '../../src/service/at-most-once/store/disk-idempotency-store.js';
import { callId } from '../service/at-most-once/guarded-service.js';
import { randomHex } from '../server/store/store-options.js';
import { imageOf, mutilate, writeImage, type FolderImage, type Mutilation } from './mutilate.js';
import type { MutilationResult } from './registry-mutilations.js';

const noBody = new Uint8Array();

/** What the store has acknowledged of a call. `unknown`: the change was in flight when the process ended. */
type Acknowledged = 'begun' | 'done' | 'withdrawn' | 'unknown';

interface RecordedCall {
  readonly record: CallRecord;
  readonly response: StoredResponse & { readonly body: Buffer };
  state: Acknowledged;
}

/**
 * Fills a folder of `diskCalls` at random, kills its service, mutilates the folder and starts again.
 *
 * @throws when a call would run a second time, or the start refuses with another code
 */
export async function mutilateCalls(
  folder: string,
  kind: Mutilation,
  random: () => number,
): Promise<MutilationResult> {
  const source = join(folder, 'source');
  const maxFileBytes = 500 + Math.floor(random() * 4_000);
  const store = new DiskIdempotencyStore(source, { openFolder: openDataFolder, randomHex, maxFileBytes });
  await store.open();
  const startedAt = Date.now() - 100_000;
  const calls: RecordedCall[] = [];
  const older: FolderImage[] = [];
  let expiredBefore = 0;
  const step = async (): Promise<void> => {
    const draw = random();
    const open = calls.filter(({ state }) => state === 'begun');
    const call = open[Math.floor(random() * open.length)];
    if (draw < 0.55 || call === undefined) {
      const createdAt = startedAt + calls.length * 500;
      const record = { id: callId(createdAt, calls.length), createdAt, fingerprint: 'f', owner: 'o 1' };
      const response = {
        status: 200,
        headers: [],
        body: Buffer.alloc(Math.floor(random() * 300), calls.length),
      };
      const begun: RecordedCall = { record, response, state: 'unknown' };
      calls.push(begun);
      await store.begin(record);
      begun.state = 'begun';
    } else if (draw < 0.9) {
      call.state = 'unknown';
      await store.end(call.record.id, { state: 'done', response: call.response });
      call.state = 'done';
    } else if (draw < 0.95) {
      call.state = 'unknown';
      await store.withdraw(call.record.id);
      call.state = 'withdrawn';
    } else {
      const before = startedAt + Math.floor(random() * calls.length) * 500;
      expiredBefore = Math.max(expiredBefore, before);
      await store.expire(before);
    }
  };
  for (let count = Math.floor(random() * 60); count >= 0; count--) {
    await step();
    if (random() < 0.1) older.push(imageOf(source));
  }
  const inFlight = random() < 0.3 ? step() : undefined;
  const states = calls.map(({ state }) => state);
  const image = imageOf(source);
  await inFlight;
  await store.close();
  calls.splice(states.length);
  for (const [i, state] of states.entries()) (calls[i] as RecordedCall).state = state;
  const victim = join(folder, 'victim');
  writeImage(victim, image);
  const what = mutilate(victim, kind, older, random);
  if (what === undefined) return { outcome: 'skipped', what: kind };

  const next = diskCalls(victim);
  try {
    await next.open?.();
  } catch (error) {
    await next.close?.();
    if (!isClerkError(error) || error.code !== 'CONFIG_INVALID') throw error;
    const report = await salvageCalls(victim, join(folder, 'saved')).catch((cause: unknown) => {
      if (isClerkError(cause) && cause.code === 'CONFIG_INVALID') return undefined;
      throw cause;
    });
    if (report === undefined) return { outcome: 'refused', what, saved: 'nothing' };
    const saved = diskCalls(join(folder, 'saved'));
    await check(saved, calls, expiredBefore, what, report.lost.length === 0);
    return { outcome: 'refused', what, saved: report.lost.length === 0 ? 'all' : 'part' };
  }
  await check(next, calls, expiredBefore, what, true);
  return { outcome: 'opened', what };
}

/** @param isComplete - whether the store must have all that was acknowledged */
async function check(
  store: IdempotencyStore,
  calls: readonly RecordedCall[],
  expiredBefore: number,
  what: string,
  isComplete: boolean,
): Promise<void> {
  for (const { record, response, state } of calls) {
    const found = await store.begin(record);
    const wrong = (): never => {
      throw new Error(`${what}: call ${record.id} was ${state}, and is now ${found.state}`);
    };
    if (found.state === 'new' && state !== 'withdrawn' && state !== 'unknown') wrong();
    if (found.state === 'done' && !response.body.equals(found.response?.body ?? noBody)) wrong();
    if (!isComplete || found.state === 'expired') {
      if (isComplete && found.state === 'expired' && record.createdAt >= expiredBefore) wrong();
      continue;
    }
    if (state === 'done' && found.state !== 'done') wrong();
    if (state === 'begun' && found.state !== 'running') wrong();
  }
  await store.close?.();
}
