import type * as z from 'zod/mini';

/** A type without `readonly` and with intersections flattened: neither makes a difference in JSON. */
type Mutable<T> = T extends readonly (infer Item)[]
  ? Mutable<Item>[]
  : T extends object
    ? { -readonly [Key in keyof T]: Mutable<T[Key]> }
    : T;

// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- two functions over T are compared by what they do to it
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** `true` when the output of a schema is exactly the interface, with the same optional keys. */
export type SchemaMatches<Schema extends z.core.$ZodType, Interface> = Equal<
  Mutable<z.core.output<Schema>>,
  Mutable<Interface>
>;

/** Compiles only when all type arguments are `true`. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the parameter is the statement
export function assertAllTrue<_Checks extends readonly true[]>(): void {
  // A check of the compiler only.
}
