/** How a program makes a call: with a method of a binding, or with `clerk.fetch` or `clerk.dispatcher`. */
export type CallMethod = 'request' | 'json' | 'call' | 'fetch' | 'dispatch';
