export type DefinedFields<T> = {
  [Key in keyof T as undefined extends T[Key] ? never : Key]: T[Key];
} & { [Key in keyof T as undefined extends T[Key] ? Key : never]?: Exclude<T[Key], undefined> };

export function definedFields<const T extends object>(fields: T): DefinedFields<T> {
  const defined: Record<string, unknown> = {};
  // `for…in` is ten times as fast as `Object.entries`, which matters for a resolution with 10,000 endpoints.
  for (const key in fields) if (fields[key] !== undefined) defined[key] = fields[key];
  return defined as DefinedFields<T>;
}
