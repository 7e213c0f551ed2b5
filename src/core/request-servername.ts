/**
 * Server name of all requests that undici gets. Without it, undici takes the name from the `Host` header, and opens a new
 * TLS connection when the name changes. Connections are opened for the host of the address instead, so the name is never
 * sent.
 */
export const requestServername = 'address.invalid';
