/**
 * Time in ms after which a suspect endpoint that sends no response is ejected. Also the timeout of a probe. @see
 * [decision 052](../../docs/decisions/052-suspect-probe-eject.md)
 */
export const suspectTimeoutMs = 1_000;
