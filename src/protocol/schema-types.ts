/** Holds schemas to hand-written interfaces, in the compiler: a difference in any key, optional or not, is an error. */
import type * as z from 'zod/mini';

/** Without `readonly`, and with intersections written out: neither is a difference on the wire. */
type Mutable<T> = T extends readonly (infer Item)[]
  ? Mutable<Item>[]
  : T extends object
    ? { -readonly [Key in keyof T]: Mutable<T[Key]> }
    : T;

// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- two functions over T are compared by what they do to it
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** `true` where the schema reads exactly the interface. */
export type SchemaMatches<Schema extends z.core.$ZodType, Interface> = Equal<
  Mutable<z.core.output<Schema>>,
  Mutable<Interface>
>;

/** Compiles only when all are `true`. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the parameter is the statement
export function assertAllTrue<_Checks extends readonly true[]>(): void {
  // Nothing is left to do when it runs.
}
