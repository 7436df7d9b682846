import { xmlNamespace, type XmlAttribute, type XmlElement } from './parse.ts'

/**
 * An element as Canonical XML 1.1 without comments.
 *
 * `path` leads from the document's root to the element; an element that is not the root takes `xml:lang` and
 * `xml:space` from those above it (`xml:base` is refused where documents are read). `omitted` and what is in it are
 * left out. Spec: Canonical XML 1.1 sections 2.2 to 2.4.
 */
export function canonicalXml(path: readonly XmlElement[], omitted?: XmlElement): string {
  const apex = path.at(-1)
  if (apex === undefined) return ''
  const parts: string[] = []
  write(apex, new Map(), inherited(path), omitted, parts)
  return parts.join('')
}

/** Writes an element; `written` are the namespaces that the element above it was written with. */
function write(
  element: XmlElement,
  written: ReadonlyMap<string, string>,
  attributes: readonly XmlAttribute[],
  omitted: XmlElement | undefined,
  parts: string[],
): void {
  const tag = element.prefix === '' ? element.name : `${element.prefix}:${element.name}`
  parts.push('<', tag)
  for (const [prefix, uri] of declarations(element.scope, written))
    parts.push(prefix === '' ? ' xmlns="' : ` xmlns:${prefix}="`, escapeAttribute(uri), '"')
  for (const { prefix, name, value } of attributes.toSorted(compareAttributes))
    parts.push(' ', prefix === '' ? name : `${prefix}:${name}`, '="', escapeAttribute(value), '"')
  parts.push('>')
  for (const child of element.content)
    if (typeof child === 'string') parts.push(escapeText(child))
    else if (child !== omitted) write(child, element.scope, child.attributes, omitted, parts)
  parts.push('</', tag, '>')
}

/** Namespaces to declare: those that are not declared so above, the default one first. Spec: section 2.3. */
function declarations(
  scope: ReadonlyMap<string, string>,
  written: ReadonlyMap<string, string>,
): readonly (readonly [string, string])[] {
  if (scope === written) return []
  const added = [...scope].filter(([prefix, uri]) => written.get(prefix) !== uri)
  const undone: readonly (readonly [string, string])[] =
    written.has('') && !scope.has('') ? [['', '']] : []
  return [...undone, ...added].toSorted(([a], [b]) => compare(a, b))
}

/** The apex's attributes, and those of its ancestors that it inherits. Spec: section 2.4. */
function inherited(path: readonly XmlElement[]): readonly XmlAttribute[] {
  const simple = path
    .flatMap(({ attributes }) => attributes)
    .filter(({ namespace, name }) => namespace === xmlNamespace && inheritable.includes(name))
  const nearest = new Map(simple.map((attribute) => [attribute.name, attribute]))
  const own = path.at(-1)?.attributes ?? []
  return [...own.filter((attribute) => !simple.includes(attribute)), ...nearest.values()]
}

const inheritable = ['lang', 'space']

function compareAttributes(a: XmlAttribute, b: XmlAttribute): number {
  return compare(a.namespace, b.namespace) || compare(a.name, b.name)
}

/** By code point: names and namespaces are ASCII here. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\t': '&#x9;',
  '\n': '&#xA;',
  '\r': '&#xD;',
}

function escapeText(text: string): string {
  return text.replaceAll(/[&<>\r]/g, (character) => escapes[character] ?? character)
}

function escapeAttribute(text: string): string {
  return text.replaceAll(/[&<"\t\n\r]/g, (character) => escapes[character] ?? character)
}
