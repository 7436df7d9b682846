/** An element to be written: attributes in the order in which they stand in the document. */
export type XmlNode = {
  readonly tag: string
  readonly attributes: readonly (readonly [name: string, value: string])[]
  readonly content: readonly (XmlNode | string)[]
}

/** Makes an element. */
export function xml(
  tag: string,
  attributes: Readonly<Record<string, string>>,
  ...content: readonly (XmlNode | string)[]
): XmlNode {
  return { tag, attributes: Object.entries(attributes), content }
}

/** Writes an element as vendors do: empty ones short, attributes as they come. */
export function writeXml({ tag, attributes, content }: XmlNode): string {
  const start = `<${tag}${attributes.map(writeAttribute).join('')}`
  if (content.length === 0) return `${start}/>`
  return `${start}>${content.map((each) => (typeof each === 'string' ? each : writeXml(each))).join('')}</${tag}>`
}

/**
 * Writes an element as Canonical XML 1.1, for documents in which no namespace is declared twice, no element has
 * prefixed attributes of two namespaces, and no text needs escapes.
 */
export function writeCanonicalXml({ tag, attributes, content }: XmlNode): string {
  const sorted = attributes.toSorted(([a], [b]) => (sortKey(a) < sortKey(b) ? -1 : 1))
  const inner = content.map((each) => (typeof each === 'string' ? each : writeCanonicalXml(each)))
  return `<${tag}${sorted.map(writeAttribute).join('')}>${inner.join('')}</${tag}>`
}

/** Namespaces come first, then names without a prefix. */
function sortKey(name: string): string {
  if (name === 'xmlns') return '0'
  if (name.startsWith('xmlns:')) return `1${name}`
  return name.includes(':') ? `3${name}` : `2${name}`
}

function writeAttribute([name, value]: readonly [string, string]): string {
  return ` ${name}="${value}"`
}
