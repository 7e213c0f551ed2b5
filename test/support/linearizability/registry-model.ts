import type { SequentialModel } from './find-linearization.js';

/** The structure and the epochs of one name. */
export interface NameState {
  /** Target of the link; undefined for an absent name. */
  readonly target: string | undefined;
  /** Last epoch that a registration of the service beside the link got. */
  readonly epoch: number;
}

export type NameInput =
  | { readonly kind: 'link'; readonly key: string; readonly target: string }
  | { readonly kind: 'remove'; readonly key: string }
  | { readonly kind: 'read'; readonly key: string }
  | { readonly kind: 'register'; readonly key: string };

/**
 * - of a link: `ok`
 * - of a removal: `ok`, or `absent` for a name that does not exist
 * - of a read: the target, or `absent`
 * - of a registration: its epoch
 */
export type NameOutput = string | number;

/** Every registration gets a higher epoch; the last link or removal decides what a read shows. */
export const nameModel: SequentialModel<NameState, NameInput, NameOutput> = {
  initial: { target: undefined, epoch: 0 },
  apply: (state, input, output) => {
    const after = next(state, input, output);
    return after === undefined ? [] : [after];
  },
  keyOf: ({ target, epoch }) => `${target ?? ''}:${epoch}`,
};

function next(state: NameState, input: NameInput, output: NameOutput | undefined): NameState | undefined {
  const { target, epoch } = state;
  switch (input.kind) {
    case 'link':
      return output === undefined || output === 'ok' ? { ...state, target: input.target } : undefined;
    case 'remove':
      if (output === 'absent') return target === undefined ? state : undefined;
      return output === undefined || target !== undefined ? { ...state, target: undefined } : undefined;
    case 'read':
      return output === undefined || output === (target ?? 'absent') ? state : undefined;
    case 'register':
      if (output === undefined) return { ...state, epoch: epoch + 1 };
      return Number(output) > epoch ? { ...state, epoch: Number(output) } : undefined;
  }
}
