import type * as z from 'zod/mini';

/** Removes `readonly` and flattens intersections, which make no difference in JSON. */
type Mutable<T> = T extends readonly (infer Item)[]
  ? Mutable<Item>[]
  : T extends object
    ? { -readonly [Key in keyof T]: Mutable<T[Key]> }
    : T;

// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the compiler compares two generic functions by their conditional types
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** `true` if the output type of a schema equals the interface. */
export type SchemaMatches<Schema extends z.core.$ZodType, Interface> = Equal<
  Mutable<z.core.output<Schema>>,
  Mutable<Interface>
>;

/** Compiles only if all elements of the type argument are `true`. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the type argument is the assertion
export function assertAllTrue<_Checks extends readonly true[]>(): void {}
