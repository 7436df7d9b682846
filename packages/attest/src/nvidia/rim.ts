import { MalformedError } from '@cloister/codec'
import { attributeOf, ElementReader } from '../xml/element-reader.ts'
import { parseXml, type XmlElement } from '../xml/parse.ts'
import { parseEnvelopedSignature, type EnvelopedSignature } from '../xml/signature.ts'

/**
 * A reference integrity manifest: what NVIDIA says the measurements of one driver or VBIOS are. Nothing here is
 * verified.
 */
export type Rim = {
  readonly tagId: string
  /** The chip it is for, such as `GH100`. */
  readonly product: string
  /** Version of the driver (`570.124.03`) or of the VBIOS (`96.00.5E.00.04`). */
  readonly version: string
  /**
   * The values that each active measurement may have, in lower-case hexadecimal, by its index from 0: block 1 of the
   * report is measurement 0.
   */
  readonly measurements: ReadonlyMap<number, readonly string[]>
  readonly signature: EnvelopedSignature
}

/** Spec: ISO/IEC 19770-2:2015. */
const swid = 'http://standards.iso.org/iso/19770/-2/2015/schema.xsd'

/** The namespace that NVIDIA names values of 48 bytes by. */
const sha384 = 'http://www.w3.org/2001/04/xmlenc#sha384'

const hashBytes = 48

/** Most measurements in one manifest, and values of one of them. */
const measurementsMax = 256
const alternativesMax = 32

/**
 * Reads a manifest: a SWID tag with one Entity, Meta and Payload, and the signature over it all.
 *
 * Spec: TCG Reference Integrity Manifest (RIM) Information Model 1.01; the attributes of a measurement are NVIDIA's.
 *
 * @throws {MalformedError} naming `field`.
 */
export function parseRim(text: string, field: string): Rim {
  const root = parseXml(text, field)
  if (root.namespace !== swid || root.name !== 'SoftwareIdentity')
    throw new MalformedError(field, 0, `got <${root.name}>, expected <SoftwareIdentity>`)
  const signature = parseEnvelopedSignature(root, field)
  const tag = new ElementReader(root, field)
  tag.next(swid, 'Entity')
  const meta = tag.next(swid, 'Meta')
  const payload = new ElementReader(tag.next(swid, 'Payload'), field)
  if (tag.remaining !== 1)
    throw new MalformedError(field, 0, 'expected Entity, Meta, Payload and Signature alone')
  if (payload.remaining > measurementsMax)
    throw new MalformedError(field, 0, `${payload.remaining} measurements`)
  const seen = new Set<number>()
  const measurements = new Map<number, readonly string[]>()
  while (payload.remaining > 0) {
    const { index, active, values } = readMeasurement(payload.next(swid, 'Resource'), field)
    if (seen.has(index)) throw new MalformedError(field, 0, `measurement ${index} occurs twice`)
    seen.add(index)
    if (active) measurements.set(index, values)
  }
  return {
    tagId: required(root, 'tagId', field),
    product: required(meta, 'product', field),
    version: required(meta, 'colloquialVersion', field),
    measurements,
    signature,
  }
}

function readMeasurement(
  element: XmlElement,
  field: string,
): { readonly index: number; readonly active: boolean; readonly values: readonly string[] } {
  const index = readNumber(element, 'index', measurementsMax - 1, field)
  const name = `${field} measurement ${index}`
  const active = required(element, 'active', name)
  if (required(element, 'type', name) !== 'Measurement' || !/^(?:True|False)$/.test(active))
    throw new MalformedError(name, 0, 'expected a Measurement that is active: True or False')
  const size = readNumber(element, 'size', hashBytes, name)
  const alternatives = readNumber(element, 'alternatives', alternativesMax, name)
  const values = element.attributes.filter(({ namespace }) => namespace === sha384)
  const fits = values.every(
    ({ name: key, value }) =>
      /^Hash(?:0|[1-9][0-9]?)$/.test(key) &&
      Number(key.slice(4)) < alternatives &&
      /^[0-9a-fA-F]+$/.test(value) &&
      value.length === 2 * size,
  )
  if (!fits || values.length !== alternatives || alternatives === 0)
    throw new MalformedError(
      name,
      0,
      `expected ${alternatives} values of ${size} bytes, Hash0 and on`,
    )
  return {
    index,
    active: active === 'True',
    values: values.map(({ value }) => value.toLowerCase()),
  }
}

function readNumber(element: XmlElement, name: string, max: number, field: string): number {
  const text = required(element, name, field)
  const number = /^(?:0|[1-9][0-9]{0,3})$/.test(text) ? Number(text) : Infinity
  if (number > max) throw new MalformedError(field, 0, `${name}: expected a number up to ${max}`)
  return number
}

/** Most characters of a text that claims repeat. */
const textMax = 256

function required(element: XmlElement, name: string, field: string): string {
  const value = attributeOf(element, name)
  if (value === undefined || value === '' || value.length > textMax)
    throw new MalformedError(field, 0, `<${element.name}> needs ${name}, of ${textMax} at most`)
  return value
}
