import { MalformedError } from '@cloister/codec'

/** An attribute, its value normalised. Namespace declarations are none. */
export type XmlAttribute = {
  readonly prefix: string
  readonly name: string
  /** Empty where it has no prefix. */
  readonly namespace: string
  readonly value: string
}

/** An element. Comments are left out of its content, and texts beside one another are one. */
export type XmlElement = {
  readonly prefix: string
  readonly name: string
  readonly namespace: string
  readonly attributes: readonly XmlAttribute[]
  /** Namespaces in scope by prefix; the default one is under the empty prefix, where there is one. */
  readonly scope: ReadonlyMap<string, string>
  readonly content: readonly (XmlElement | string)[]
}

/** What one document may have. */
export const xmlLimits = {
  charactersMax: 128 * 1024,
  depthMax: 16,
  elementsMax: 1024,
  attributesMax: 64,
  /** Namespaces in scope of one element. */
  namespacesMax: 16,
  /** Characters of a prefix and a name. */
  nameMax: 128,
}

/** The namespace that the prefix `xml` is bound to. */
export const xmlNamespace = 'http://www.w3.org/XML/1998/namespace'

/**
 * Reads a document of XML 1.0 with namespaces, in UTF-8.
 *
 * A subset: what would need a document type, entities of its own, processing instructions, `xml:base`, or names
 * outside ASCII is refused. So nothing outside the text can change what it says.
 * Spec: XML 1.0 (fifth edition); Namespaces in XML 1.0 (third edition).
 *
 * @throws {MalformedError} naming `field`, with the character it is at, and before memory is spent past a limit.
 */
export function parseXml(text: string, field: string): XmlElement {
  if (text.length > xmlLimits.charactersMax)
    throw new MalformedError(
      field,
      0,
      `${text.length} characters, at most ${xmlLimits.charactersMax} are read`,
    )
  const at = text.search(forbiddenCharacter)
  if (at >= 0) throw new MalformedError(field, at, 'a character that XML does not allow')
  // Spec: XML 1.0 section 2.11: every line ends in one line feed.
  return new Parser(text.replaceAll(/\r\n?/g, '\n'), field).document()
}

/** Everything but Char. Halves of surrogate pairs are matched too. Spec: XML 1.0 section 2.2. */
const forbiddenCharacter = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u

const patterns = {
  declaration:
    /<\?xml[ \t\n]+version[ \t\n]*=[ \t\n]*(?:"1\.0"|'1\.0')(?:[ \t\n]+encoding[ \t\n]*=[ \t\n]*(?:"utf-8"|'utf-8'))?(?:[ \t\n]+standalone[ \t\n]*=[ \t\n]*(?:"(?:yes|no)"|'(?:yes|no)'))?[ \t\n]*\?>/iy,
  space: /[ \t\n]+/y,
  name: /(?:([A-Za-z_][A-Za-z0-9_.-]*):)?([A-Za-z_][A-Za-z0-9_.-]*)(?!:)/y,
  equals: /[ \t\n]*=[ \t\n]*/y,
  value: /"([^"<]*)"|'([^'<]*)'/y,
  text: /[^<]+/y,
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }
type Open = Mutable<Omit<XmlElement, 'content'>> & {
  readonly content: (XmlElement | string)[]
  readonly tag: string
}
type RawAttribute = {
  readonly prefix: string
  readonly name: string
  readonly value: string
  readonly at: number
}

class Parser {
  readonly #text: string
  readonly #field: string
  #offset = 0
  #elements = 0

  constructor(text: string, field: string) {
    this.#text = text
    this.#field = field
  }

  document(): XmlElement {
    this.#match(patterns.declaration)
    this.#miscellaneous()
    const root = this.#tree()
    this.#miscellaneous()
    if (this.#offset < this.#text.length) throw this.#wrong('something after the root element')
    return root
  }

  /** White space and comments, outside the root element. */
  #miscellaneous(): void {
    for (;;) {
      this.#match(patterns.space)
      if (!this.#starts('<!--')) return
      this.#comment()
    }
  }

  /** Reads the root element with everything in it. What is open is a list, so that depth costs no stack. */
  #tree(): XmlElement {
    const open: Open[] = []
    for (;;) {
      const inner = open.at(-1)
      if (inner !== undefined && this.#offset === this.#text.length)
        throw this.#wrong(`ends inside <${inner.tag}>`)
      if (this.#starts('</')) {
        const closed = this.#endTag(inner)
        open.pop()
        const outer = open.at(-1)
        if (outer === undefined) return closed
        outer.content.push(closed)
      } else if (this.#starts('<!--')) this.#comment()
      else if (inner !== undefined && this.#starts('<![CDATA['))
        addText(inner, this.#characterData())
      else if (this.#starts('<!')) throw this.#wrong('a document type or other declaration')
      else if (this.#starts('<?')) throw this.#wrong('a processing instruction')
      else if (this.#starts('<')) {
        const { element, empty } = this.#startTag(inner, open.length)
        if (!empty) open.push(element)
        else if (inner === undefined) return element
        else inner.content.push(element)
      } else if (inner === undefined) throw this.#wrong('expected an element')
      else addText(inner, this.#characters())
    }
  }

  #startTag(
    parent: Open | undefined,
    depth: number,
  ): { readonly element: Open; readonly empty: boolean } {
    const start = this.#offset
    if (depth >= xmlLimits.depthMax) throw this.#wrong(`deeper than ${xmlLimits.depthMax}`)
    if (++this.#elements > xmlLimits.elementsMax)
      throw this.#wrong(`more than ${xmlLimits.elementsMax} elements`)
    this.#offset += 1
    const { prefix, name } = this.#name()
    const raw = this.#attributes()
    const empty = this.#starts('/>')
    if (!empty && !this.#starts('>')) throw this.#wrong('expected > or />')
    this.#offset += empty ? 2 : 1

    const scope = this.#scope(raw, parent?.scope)
    if (prefix === 'xmlns') throw this.#wrong('an element with the prefix xmlns', start)
    const element: Open = {
      tag: qualified(prefix, name),
      prefix,
      name,
      namespace: this.#resolve(prefix, scope, start),
      attributes: this.#named(raw, scope),
      scope,
      content: [],
    }
    return { element, empty }
  }

  #endTag(open: Open | undefined): XmlElement {
    const start = this.#offset
    this.#offset += 2
    const { prefix, name } = this.#name()
    this.#match(patterns.space)
    const tag = qualified(prefix, name)
    if (open === undefined || open.tag !== tag || !this.#starts('>'))
      throw this.#wrong(`</${tag}> ends nothing that is open`, start)
    this.#offset += 1
    return open
  }

  #attributes(): readonly RawAttribute[] {
    const found: RawAttribute[] = []
    const names = new Set<string>()
    while (this.#match(patterns.space) !== undefined && !this.#starts('>') && !this.#starts('/>')) {
      const at = this.#offset
      const { prefix, name } = this.#name()
      if (this.#match(patterns.equals) === undefined) throw this.#wrong('expected =')
      const quoted = this.#match(patterns.value)
      if (quoted === undefined) throw this.#wrong('expected a value in quotes, without <')
      // Spec: XML 1.0 section 3.3.3: white space becomes spaces, but not where it is a reference.
      const value = this.#dereference((quoted[1] ?? quoted[2] ?? '').replaceAll(/[\t\n]/g, ' '), at)
      const whole = qualified(prefix, name)
      if (names.has(whole)) throw this.#wrong(`attribute ${whole} occurs twice`, at)
      names.add(whole)
      found.push({ prefix, name, value, at })
      if (found.length > xmlLimits.attributesMax)
        throw this.#wrong(`more than ${xmlLimits.attributesMax} attributes`, at)
    }
    return found
  }

  /** Namespaces in scope of an element: those of its parent, and those that it declares. */
  #scope(
    raw: readonly RawAttribute[],
    outer: ReadonlyMap<string, string> = new Map(),
  ): ReadonlyMap<string, string> {
    const declared = raw.filter(isDeclaration)
    if (declared.length === 0) return outer
    const scope = new Map(outer)
    for (const { prefix, name, value, at } of declared) {
      const bound = prefix === '' ? '' : name
      if (bound === 'xmlns' || (bound === 'xml') !== (value === xmlNamespace))
        throw this.#wrong(`a namespace that ${bound === '' ? 'none' : bound} can't be bound to`, at)
      if (bound !== '' && value === '') throw this.#wrong('a prefix bound to no namespace', at)
      // Spec: Canonical XML 1.1 section 1.3: relative namespace URIs are an error.
      if (value !== '' && !/^[A-Za-z][A-Za-z0-9+.-]*:[\x21-\x7e]*$/.test(value))
        throw this.#wrong('a namespace that is no absolute URI', at)
      if (value === '') scope.delete(bound)
      else if (bound !== 'xml') scope.set(bound, value)
      if (scope.size > xmlLimits.namespacesMax)
        throw this.#wrong(`more than ${xmlLimits.namespacesMax} namespaces`, at)
    }
    return scope
  }

  /** Attributes with their namespaces; the same name in one namespace twice is refused. */
  #named(
    raw: readonly RawAttribute[],
    scope: ReadonlyMap<string, string>,
  ): readonly XmlAttribute[] {
    const names = new Set<string>()
    return raw
      .filter((attribute) => !isDeclaration(attribute))
      .map(({ prefix, name, value, at }) => {
        const namespace = prefix === '' ? '' : this.#resolve(prefix, scope, at)
        if (names.has(`${namespace} ${name}`))
          throw this.#wrong(`attribute ${name} occurs twice`, at)
        names.add(`${namespace} ${name}`)
        if (namespace === xmlNamespace && name === 'base')
          throw this.#wrong('xml:base, which is not supported', at)
        return { prefix, name, namespace, value }
      })
  }

  #resolve(prefix: string, scope: ReadonlyMap<string, string>, at: number): string {
    if (prefix === 'xml') return xmlNamespace
    const namespace = scope.get(prefix)
    if (namespace === undefined && prefix !== '')
      throw this.#wrong(`prefix ${prefix} is not declared`, at)
    return namespace ?? ''
  }

  #name(): { readonly prefix: string; readonly name: string } {
    const match = this.#match(patterns.name)
    if (match === undefined) throw this.#wrong('expected a name in ASCII')
    if (match[0].length > xmlLimits.nameMax)
      throw this.#wrong(`a name longer than ${xmlLimits.nameMax} characters`)
    return { prefix: match[1] ?? '', name: match[2] ?? '' }
  }

  #comment(): void {
    const end = this.#text.indexOf('--', this.#offset + 4)
    if (end < 0 || this.#text[end + 2] !== '>') throw this.#wrong('a comment without its end')
    this.#offset = end + 3
  }

  #characterData(): string {
    const start = this.#offset + '<![CDATA['.length
    const end = this.#text.indexOf(']]>', start)
    if (end < 0) throw this.#wrong('character data without its end')
    this.#offset = end + 3
    return this.#text.slice(start, end)
  }

  #characters(): string {
    const at = this.#offset
    const text = this.#match(patterns.text)?.[0] ?? ''
    if (text.includes(']]>')) throw this.#wrong('a text with ]]> in it', at)
    return this.#dereference(text, at)
  }

  /** Replaces references to characters and to the five named entities. Spec: XML 1.0 sections 4.1 and 4.6. */
  #dereference(text: string, at: number): string {
    if (!text.includes('&')) return text
    return text.replaceAll(
      /&(?:#x([0-9A-Fa-f]{1,6})|#([0-9]{1,7})|([a-z]{2,4}));|&/g,
      (_, hexadecimal?: string, decimal?: string, name?: string) => {
        if (name !== undefined) {
          const entity = entities.get(name)
          if (entity === undefined) throw this.#wrong(`entity ${name} is not one of the five`, at)
          return entity
        }
        const digits = hexadecimal ?? decimal
        const code =
          digits === undefined ? NaN : parseInt(digits, hexadecimal === undefined ? 10 : 16)
        const character = code <= 0x10ffff ? String.fromCodePoint(code) : '\0'
        if (forbiddenCharacter.test(character)) throw this.#wrong('a reference to no character', at)
        return character
      },
    )
  }

  #starts(mark: string): boolean {
    return this.#text.startsWith(mark, this.#offset)
  }

  /** Steps over what a sticky pattern finds here. */
  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#offset
    const match = pattern.exec(this.#text)
    if (match === null) return undefined
    this.#offset += match[0].length
    return match
  }

  #wrong(detail: string, at: number = this.#offset): MalformedError {
    return new MalformedError(this.#field, at, detail)
  }
}

const entities: ReadonlyMap<string, string> = new Map([
  ['lt', '<'],
  ['gt', '>'],
  ['amp', '&'],
  ['apos', "'"],
  ['quot', '"'],
])

function isDeclaration({ prefix, name }: RawAttribute): boolean {
  return prefix === 'xmlns' || (prefix === '' && name === 'xmlns')
}

function qualified(prefix: string, name: string): string {
  return prefix === '' ? name : `${prefix}:${name}`
}

function addText(open: Open, text: string): void {
  const last = open.content.at(-1)
  if (typeof last === 'string') open.content[open.content.length - 1] = last + text
  else if (text !== '') open.content.push(text)
}
