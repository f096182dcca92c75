/** Lists looked up by name: a system has thousands of components, an FMU tens of thousands of variables. */

interface Named {
  readonly name: string;
}

/** Made at the first look-up of a list: it must not change after. */
const known = new WeakMap<readonly Named[], ReadonlyMap<string, number>>();

/** Of the first that has it, by name. */
export function indicesByName(list: readonly Named[]): ReadonlyMap<string, number> {
  const made = known.get(list);
  if (made !== undefined) return made;
  const indices = new Map<string, number>();
  for (const [index, { name }] of list.entries()) if (!indices.has(name)) indices.set(name, index);
  known.set(list, indices);
  return indices;
}

/** -1: none has it. */
export function indexOfName(list: readonly Named[], name: string | undefined): number {
  return name === undefined ? -1 : (indicesByName(list).get(name) ?? -1);
}
