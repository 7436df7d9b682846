import { DerReader, derTags, parseHex, parseUtf8 } from '@cloister/codec'
import type { Certificate } from '../x509/certificate.ts'
import { objectIds } from '../x509/object-ids.ts'

/** Short names of attribute types; others are written as numbers. Spec: RFC 4514 section 3. */
const shortNames: Readonly<Record<string, string>> = {
  [objectIds.commonName]: 'CN',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
}

const serialNumber = '2.5.4.5'

type Attribute = { readonly type: string; readonly value: string }

/**
 * A certificate's subject as text: attributes from the last to the first, comma between, special characters escaped.
 *
 * Spec: RFC 4514 section 2. @throws {MalformedError}
 */
export function subjectText(certificate: Certificate): string {
  return attributesOf(certificate)
    .toReversed()
    .map(
      ({ type, value }) => `${shortNames[type] ?? type}=${value.replaceAll(/[,+"\\<>;]/g, '\\$&')}`,
    )
    .join(',')
}

/** The serial number in a certificate's subject: NVIDIA's name for a device. @throws {MalformedError} */
export function subjectSerialNumber(certificate: Certificate): string | undefined {
  return attributesOf(certificate).find(({ type }) => type === serialNumber)?.value
}

function attributesOf({ subject }: Certificate): readonly Attribute[] {
  const names = new DerReader(parseHex(subject, 'subject')).inside('subject')
  const found: Attribute[] = []
  while (names.remaining > 0) {
    const set = names.inside('subject', derTags.set)
    while (set.remaining > 0) {
      const attribute = set.inside('subject')
      const type = attribute.objectId('subject')
      found.push({ type, value: parseUtf8(attribute.any('subject').content, 'subject') })
      attribute.end('subject')
    }
  }
  return found
}
