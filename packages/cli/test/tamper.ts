/** A value in a JSON document, by its way down. */
export type Path = readonly string[]

/** Every value that is no object and no list, by its path. */
export function leaves(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path]
  return Object.entries(value).flatMap(([key, member]) => leaves(member, [...path, key]))
}

/** The document with one value changed. */
export function change(value: unknown, path: Path, edit: (leaf: unknown) => unknown): unknown {
  const [key, ...rest] = path
  if (key === undefined) return edit(value)
  if (Array.isArray(value))
    return value.map((item: unknown, index) =>
      String(index) === key ? change(item, rest, edit) : item,
    )
  const members: Record<string, unknown> = { ...Object(value) }
  return { ...members, [key]: change(members[key], rest, edit) }
}

/** A value of the same form that is another. */
export function flip(leaf: unknown): unknown {
  if (typeof leaf === 'boolean') return !leaf
  if (typeof leaf === 'number') return leaf + 1
  const text = String(leaf)
  const at = Math.max(text.search(/[0-9a-f](?=[^0-9a-f]*$)/), 0)
  return `${text.slice(0, at)}${text[at] === '1' ? '2' : '1'}${text.slice(at + 1)}`
}
