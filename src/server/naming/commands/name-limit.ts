import { ClerkError } from '../../../core/errors.js';
import { limits } from '../../../protocol/limits.js';
import { nameUnits } from '../state/name-units.js';
import type { NamingView } from '../state/naming-view.js';
import type { StateChange } from '../state/records.js';
import type { Plan, PlanContext } from './naming-command.js';

/**
 * Counts each new name for the principal that creates it, and rejects a plan that adds names above a limit. Plans
 * that add no names always pass. A name keeps its creator when it changes or moves. The link that a move leaves
 * counts for the principal that moves the name.
 *
 * @param principal - principal of the caller; undefined for a command of the registry itself, which creates no name
 * @returns the plan, with the creator in each change of an entry
 * @throws {@link ClerkError} `LIMIT_EXCEEDED`
 */
export function chargeNames(
  view: NamingView,
  planned: Plan,
  principal: string | undefined,
  { maxNames, maxNamesPerPrincipal }: PlanContext,
): Plan {
  if (!planned.changes.some(({ kind }) => kind === 'entry')) return planned;
  const creators = new Map<string, string | undefined>();
  const units = new Map<string, number>();
  const added = new Map<string, number>();
  let addedNames = 0;
  const changes = planned.changes.map((change): StateChange => {
    if (change.kind !== 'entry') return change;
    const { name, record, movedFrom } = change;
    const before = view.entry(name);
    const unitsBefore = units.get(name) ?? (before === undefined ? 0 : nameUnits(before));
    const creatorBefore = creators.has(name) ? creators.get(name) : view.creatorOf(name);
    const isLeftByMove = before?.kind !== 'link' && record?.kind === 'link';
    const creator =
      unitsBefore > 0 && !isLeftByMove
        ? creatorBefore
        : movedFrom === undefined
          ? principal
          : view.creatorOf(movedFrom);
    const unitsAfter = record === undefined ? 0 : nameUnits(record);
    units.set(name, unitsAfter);
    creators.set(name, creator);
    addedNames += Number(unitsAfter > 0) - Number(unitsBefore > 0);
    if (creator !== undefined) added.set(creator, (added.get(creator) ?? 0) + unitsAfter - unitsBefore);
    if (record?.kind === 'service') checkEntrySize(name, unitsAfter);
    return creator === undefined || record === undefined ? change : { ...change, creator };
  });
  if (addedNames > 0 && view.entryCount + addedNames > maxNames)
    throw new ClerkError(
      'LIMIT_EXCEEDED',
      `The registry can have at most ${maxNames} names, which the change exceeds; remove names, or raise the limit with --max-names`,
    );
  for (const [creator, count] of added)
    if (count > 0 && view.nameCount(creator) + count > maxNamesPerPrincipal)
      throw new ClerkError(
        'LIMIT_EXCEEDED',
        `Principal ${creator} can create at most ${maxNamesPerPrincipal} names, which the change exceeds; remove names, or raise the limit with --max-names-per-principal`,
      );
  return { ...planned, changes };
}

function checkEntrySize(name: string, units: number): void {
  const maxUnits = limits.maxEntryBytes / limits.bytesPerName;
  if (units <= maxUnits) return;
  throw new ClerkError(
    'LIMIT_EXCEEDED',
    `The definition of ${name} must be less than ${limits.maxEntryBytes} bytes of JSON; use fewer or shorter launch parameters`,
  );
}
