/**
 * What is shown of how endpoints stand. Where all of a service that could be called are suspect, none is shown as such:
 * then it is more likely that those who judge are wrong, and a mark on everybody helps nobody choose.
 *
 * @see promises C2.4 (panic)
 */
import { shownPart } from './records.js';
import type { Registration, ServiceState } from './place.js';

/** Endpoints of a service that are shown as suspect, and those that are asked about, which they are as well. */
export interface Marked {
  readonly suspects: ReadonlySet<Registration>;
  readonly doubted: readonly string[];
}

const nobody: Marked = Object.freeze({ suspects: new Set<Registration>(), doubted: Object.freeze([]) });

/** Who is marked; costs nothing where nobody is. */
export function markedOf(service: ServiceState | undefined): Marked {
  if (service === undefined || service.marked === 0) return nobody;
  const suspects = new Set<Registration>();
  const doubted: string[] = [];
  let others = 0;
  for (const registration of service.endpoints.values()) {
    const { standing, draining, id } = registration;
    if (standing !== 'good') doubted.push(id);
    if (standing === 'suspect') suspects.add(registration);
    else if (!draining) others++;
  }
  return { suspects: others > 0 ? suspects : nobody.suspects, doubted };
}

/** Whether one is shown as suspect. */
export function isShownSuspect({ standing, place }: Registration): boolean {
  if (standing !== 'suspect') return false;
  for (const other of place.service?.endpoints.values() ?? [])
    if (other.standing !== 'suspect' && !other.draining) return true;
  return false;
}

const isUp = '"state":"up"}';

/** An endpoint as look-ups show it now, as JSON. The state is the last thing that a registration's text says. */
export function shownNow(registration: Registration, { suspects }: Marked): string {
  const part = shownPart(registration.text);
  return suspects.has(registration) && part.endsWith(isUp)
    ? `${part.slice(0, -isUp.length)}"state":"suspect"}`
    : part;
}
