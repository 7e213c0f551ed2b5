/**
 * A service that moves has two names, `/w/s0` and `/w/m0`. It has the first one at the start, and moves to the other one and
 * back.
 */
export function otherNameOf(name: string): string {
  return name.startsWith('/w/s') ? name.replace('/w/s', '/w/m') : firstNameOf(name);
}

/** The name that a service has at the start; other names are returned as they are. */
export function firstNameOf(name: string): string {
  return name.replace(/^[/]w[/]m/, '/w/s');
}
