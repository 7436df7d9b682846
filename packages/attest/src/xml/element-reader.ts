import { MalformedError } from '@cloister/codec'
import type { XmlElement } from './parse.ts'

/**
 * Reads the elements in an element one after another: exactly those, in their order, with only white space between.
 */
export class ElementReader {
  readonly #parent: string
  readonly #elements: readonly XmlElement[]
  readonly #field: string
  #next = 0

  constructor(element: XmlElement, field: string) {
    this.#parent = element.name
    this.#field = field
    if (element.content.some((child) => typeof child === 'string' && /[^ \t\n\r]/.test(child)))
      throw new MalformedError(field, 0, `text beside the elements in <${element.name}>`)
    this.#elements = element.content.filter((child) => typeof child !== 'string')
  }

  /** How many elements are not read yet. */
  get remaining(): number {
    return this.#elements.length - this.#next
  }

  /** The next element, which must have this name. @throws {MalformedError} on another, or the end. */
  next(namespace: string, name: string): XmlElement {
    const found = this.#elements[this.#next]
    if (found === undefined || found.namespace !== namespace || found.name !== name)
      throw new MalformedError(
        this.#field,
        0,
        `<${this.#parent}> holds ${found === undefined ? 'no more' : `<${found.name}>`}, expected <${name}>`,
      )
    this.#next += 1
    return found
  }

  /** Asserts that nothing is left. @throws {MalformedError} */
  end(): void {
    const found = this.#elements[this.#next]
    if (found !== undefined)
      throw new MalformedError(this.#field, 0, `<${this.#parent}> holds <${found.name}> too`)
  }
}

/** The text of an element that has no elements in it. @throws {MalformedError} where it has. */
export function textOf(element: XmlElement, field: string): string {
  const [text = '', ...rest] = element.content
  if (typeof text !== 'string' || rest.length > 0)
    throw new MalformedError(field, 0, `<${element.name}> holds more than text`)
  return text
}

/** The value of an attribute, undefined where it is absent. */
export function attributeOf(element: XmlElement, name: string, namespace = ''): string | undefined {
  return element.attributes.find((each) => each.name === name && each.namespace === namespace)
    ?.value
}
