/** Time limit of a request to the registry, in ms, if the program sets none. */
export const defaultTimeoutMs = 10_000;

/** The same for a request that starts a service. */
export const startTimeoutMs = 60_000;

/** Additional time of a request that starts a service, in ms, in which the registry itself can report the timeout. */
export const startGraceMs = 2_000;
