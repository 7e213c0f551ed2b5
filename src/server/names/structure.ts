/** Commands that make and change entries: services, links, directories, and many of them at once. */
import { ClerkError, isClerkError } from '../../core/errors.js';
import { parseName } from '../../core/name.js';
import { shown } from '../../core/shown.js';
import { limits } from '../../wire/limits.js';
import type { DefineRequest, ExportLine, LinkRequest } from '../../wire/messages.js';
import { checkedLaunch, checkedPolicy, checkedPromise, checkedTimeout } from './checking.js';
import { unchanged, type Planned, type Surroundings } from './command.js';
import { Overlay } from './overlay.js';
import { held } from './holding.js';
import type { EntryRecord, LinkRecord, ServiceRecord } from './records.js';
import { hasBelow, type View } from './view.js';
import { place } from './walk.js';

/** What a service is that nobody has said anything of. */
export const plainService: ServiceRecord = Object.freeze({
  kind: 'service',
  defined: false,
  policy: null,
  promiseMs: limits.defaultPromiseMs,
  launch: null,
});

/** Defines a service or changes its rules. */
export function define(view: View, request: DefineRequest, surroundings: Surroundings): Planned {
  const name = place(view, parseName(request.name));
  const before = view.entry(name);
  if (before !== undefined && before.kind !== 'service') throw occupied(name, before, 'a service');
  const { policy, timeoutMs = null, promiseMs, launch } = before ?? plainService;
  const time = checkedTimeout(request.timeoutMs === undefined ? timeoutMs : request.timeoutMs);
  const next: ServiceRecord = {
    kind: 'service',
    defined: true,
    policy: checkedPolicy(request.policy === undefined ? policy : request.policy),
    ...(time !== null && { timeoutMs: time }),
    promiseMs: checkedPromise(request.promiseMs ?? promiseMs),
    launch: checkedLaunch(request.launch === undefined ? launch : request.launch),
  };
  return become(name, before, next, request.whenExpired === true, surroundings);
}

/** Makes a link or leads it elsewhere. @see GNS G2 */
export function link(view: View, request: LinkRequest, surroundings: Surroundings): Planned {
  const name = place(view, parseName(request.name));
  const target = parseName(request.target, 'Target');
  const before = view.entry(name);
  if (before !== undefined && before.kind !== 'link') throw occupied(name, before, 'a link');
  if (before === undefined && hasBelow(view, name))
    throw new ClerkError('FORBIDDEN', `${name} cannot be a link: there are names below it; move them first`);
  if (target === name || target.startsWith(`${name}/`))
    throw new ClerkError('CONFIG_INVALID', `The link ${name} would lead to itself (${target})`);
  const promiseMs = checkedPromise(request.promiseMs ?? before?.promiseMs ?? limits.defaultPromiseMs);
  const next: LinkRecord = { kind: 'link', target, promiseMs };
  return become(name, before, next, request.whenExpired === true, surroundings);
}

/** Makes a directory; one that is there keeps its identifier. @see GNS G1 */
export function directory(view: View, asked: string, id: string): Planned {
  const name = place(view, parseName(asked));
  const before = view.entry(name);
  if (before?.kind === 'directory') return { ...unchanged, id: before.id };
  if (before !== undefined) throw occupied(name, before, 'a directory');
  const elsewhere = view.nameOf(id);
  if (elsewhere !== undefined)
    throw new ClerkError('FORBIDDEN', `${name} cannot be the directory ${id}: ${elsewhere} is`);
  const record: EntryRecord = { kind: 'directory', id, promiseMs: limits.defaultPromiseMs };
  return { changes: [{ kind: 'entry', name, record }], inMs: 0, id };
}

/** Takes all lines or none. */
export function importAll(view: View, lines: readonly ExportLine[], surroundings: Surroundings): Planned {
  const overlay = new Overlay(view);
  for (const [index, line] of lines.entries()) {
    try {
      overlay.add(importOne(overlay, line, surroundings).changes);
    } catch (error) {
      if (!isClerkError(error)) throw error;
      const { code, message, remainingMs } = error;
      throw new ClerkError(code, `Line ${index + 1}: ${message}`, {
        ...(remainingMs !== undefined && { remainingMs }),
        cause: error,
      });
    }
  }
  return { changes: overlay.changes, inMs: 0 };
}

function importOne(view: View, line: ExportLine, surroundings: Surroundings): Planned {
  // Lines come from outside; what kind they are is for them to say.
  const { kind } = line as { readonly kind: unknown };
  switch (line.kind) {
    case 'service':
      return define(view, line, surroundings);
    case 'link':
      return link(view, line, surroundings);
    case 'directory': {
      parseName(`/${line.id}`, 'Identifier');
      if (!line.id.startsWith('#'))
        throw new ClerkError(
          'NAME_INVALID',
          `The directory ${shown(line.name)} has the identifier ${shown(line.id)}; one begins with '#'`,
        );
      const planned = directory(view, line.name, line.id);
      if (planned.id === line.id) return planned;
      throw new ClerkError(
        'FORBIDDEN',
        `The directory ${line.name} has the identifier ${planned.id ?? ''} already, which never changes`,
      );
    }
    default:
      throw new ClerkError(
        'CONFIG_INVALID',
        `A line is of the kind ${shown(kind)}; service, link and directory are known`,
      );
  }
}

/** Puts a record in the place of another, now or when all promises of it have run out. */
function become(
  name: string,
  before: ServiceRecord | LinkRecord | undefined,
  next: ServiceRecord | LinkRecord,
  whenExpired: boolean,
  surroundings: Surroundings,
): Planned {
  const done: Planned = { changes: [{ kind: 'entry', name, record: next }], inMs: 0, name };
  if (before === undefined) return done;
  const isFrozen = before.pending !== undefined && before.pending.kind !== 'vanish';
  if (!isFrozen) {
    if (saysSame({ ...before, pending: undefined }, next)) return { ...unchanged, name };
    // That somebody stands behind a service now changes nothing that was promised.
    const isOnlyDefined = next.kind === 'service' && saysSame({ ...next, defined: false }, before);
    if (isOnlyDefined && before.pending === undefined) return done;
  }
  const inMs = surroundings.remaining(name, before.promiseMs);
  if (inMs === 0 && !isFrozen) return done;
  if (!whenExpired || isFrozen) throw held(name, inMs, isFrozen);
  const record: EntryRecord = { ...before, pending: { kind: 'become', record: next } };
  return { changes: [{ kind: 'entry', name, record }], inMs, name };
}

function saysSame(a: object, b: object): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function occupied(name: string, { kind }: EntryRecord, wanted: string): ClerkError {
  return new ClerkError('FORBIDDEN', `${name} is a ${kind} and cannot be ${wanted} too; remove it first`);
}
