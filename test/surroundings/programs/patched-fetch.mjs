/** Replaces `fetch` as Next.js does: by a function that makes a new Request of each call. */
const original = globalThis.fetch;

globalThis.fetch = Object.assign(
  (input, init) => original(new globalThis.Request(input, init), { next: { revalidate: 60 } }),
  { __nextPatched: true },
);
