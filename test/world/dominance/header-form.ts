/** How a program hands over the headers of a request. */
export type HeaderForm = 'record' | 'shared' | 'map-entries' | 'generator' | 'headers' | 'flat';

export interface FormedHeaders {
  readonly headers: Record<string, string> | Iterable<[string, string]> | string[];
  /** Called when the call has returned its promise. From then on the program uses the object for other things. */
  reuse(): void;
}

/**
 * Puts headers into a form. Forms that are iterators are empty when they are read again.
 *
 * @param shared - one object that the program uses for all its calls
 */
export function formHeaders(
  form: HeaderForm,
  values: Readonly<Record<string, string>>,
  shared: Record<string, string>,
): FormedHeaders {
  const pairs = Object.entries(values);
  switch (form) {
    case 'record':
      return { headers: { ...values }, reuse: () => undefined };
    case 'shared':
      Object.assign(shared, values);
      return { headers: shared, reuse: () => spoil(shared) };
    case 'map-entries':
      return { headers: new Map(pairs).entries(), reuse: () => undefined };
    case 'generator':
      return { headers: generate(pairs), reuse: () => undefined };
    case 'headers': {
      const headers = new Headers(values);
      return { headers, reuse: () => pairs.forEach(([name]) => headers.set(name, 'reused')) };
    }
    case 'flat': {
      const headers = pairs.flat();
      return { headers, reuse: () => headers.fill('reused') };
    }
  }
}

function* generate(pairs: [string, string][]): Generator<[string, string]> {
  yield* pairs;
}

function spoil(headers: Record<string, string>): void {
  for (const name of Object.keys(headers)) headers[name] = 'reused';
}
