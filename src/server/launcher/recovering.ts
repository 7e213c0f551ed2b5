/**
 * What an earlier server of this host has started, as its records tell. A process is recognised by its id together with
 * the instant it began, which no later one shares; of a start that was intended and not written down as made, the
 * process is looked for by its mark, and where none is found it may still come, until its time to register is over.
 *
 * @see promises C6.2
 */
import { reasonOf } from '../../core/errors.js';
import type { LaunchRecord } from '../ports.js';
import { doubtfulBody, foundBody, lostBody, type Body } from './body.js';
import { markOf } from './ending.js';
import { remembered } from './remembering.js';
import type { Site } from './site.js';

/** What has become of it. `unknowable`: it did register, and this host cannot tell which process it is. */
export type Found =
  { readonly kind: 'running' | 'lost' | 'doubtful'; readonly body: Body } | { readonly kind: 'unknowable' };

/** Looks for the process of a record. */
export async function found(site: Site, record: LaunchRecord): Promise<Found> {
  const { processes, runtime } = site;
  if (record.state === 'running' && record.pid !== undefined) {
    if (record.startedTicks === undefined) return { kind: 'unknowable' };
    if (processes.identityOf(record.pid) !== record.startedTicks) return { kind: 'lost', body: lostBody };
    return { kind: 'running', body: foundBody(processes, runtime, record.pid, record.startedTicks) };
  }
  const pid = await processes.find(markOf(record));
  const identity = pid === undefined ? undefined : processes.identityOf(pid);
  if (pid === undefined || identity === undefined)
    return record.redeemed ? { kind: 'unknowable' } : { kind: 'doubtful', body: doubtfulBody };
  await remembered(site, record, pid, identity).catch((error: unknown) =>
    site.logger.warn(`The process of ${record.name} cannot be written down: ${reasonOf(error)}`),
  );
  return { kind: 'running', body: foundBody(processes, runtime, pid, identity) };
}
