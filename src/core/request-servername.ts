/**
 * Server name of all requests that undici gets. Without this name, undici would take the name from the `Host` header,
 * and open a new TLS connection when the name changes. The connections themselves are opened for the host of the
 * address, so this name is never sent.
 */
export const requestServername = 'address.invalid';
