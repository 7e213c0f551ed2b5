/**
 * Several registries, asked in order: the first that knows a name answers for it. One that fails is passed over as long
 * as another one knows the name; but if nobody does, its failure is the answer, since an error is never "no such name".
 */
import type { Registry, Resolution } from '../core/registry.js';
import { asRegistry, type StaticAddresses } from './static.js';
import { closeAll, listAll, searchAll, watchMerged } from './several.js';

/**
 * Puts registries in an order of precedence.
 *
 * @param registries - ports or static addresses, the most important first; at least one
 */
export function firstOf(...registries: readonly (Registry | StaticAddresses)[]): Registry {
  const parts = registries.map(asRegistry);
  return {
    async resolve(name, context) {
      let failure: { readonly error: unknown } | undefined;
      let absent: Resolution = { kind: 'absent' };
      for (const part of parts) {
        try {
          const resolution = await part.resolve(name, context);
          if (resolution.kind !== 'absent') return resolution;
          absent = resolution;
        } catch (error) {
          context.signal.throwIfAborted();
          failure ??= { error };
        }
      }
      if (failure) throw failure.error;
      return absent;
    },
    ...listAll(parts),
    ...searchAll(parts, false),
    ...watchMerged(parts, (found) => found[0] as Resolution),
    close: () => closeAll(parts),
  };
}
