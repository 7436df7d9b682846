import { encodeHex, encodeUtf8, encodeBase64, type Bytes } from '@cloister/codec'
import { sha384 } from '../signing-key.ts'
import type { CertifiedChain, NvidiaChip } from './authority.ts'
import { blockCount } from './firmware.ts'
import { writeCanonicalXml, writeXml, xml, type XmlNode } from './xml-writer.ts'

/** What a manifest says. */
export type RimContent = {
  readonly chip: NvidiaChip
  readonly version: string
  /** Accepted values of each active measurement, by its index from 0. */
  readonly measurements: ReadonlyMap<number, readonly Bytes[]>
  /** What is wrong with it: nothing unless asked for. */
  readonly forged?: 'content' | 'signature'
}

const swid = 'http://standards.iso.org/iso/19770/-2/2015/schema.xsd'
const dsig = 'http://www.w3.org/2000/09/xmldsig#'
const c14n11 = 'http://www.w3.org/2006/12/xml-c14n11'
const namespaces = {
  xmlns: swid,
  'xmlns:ns0': swid,
  'xmlns:ns2': 'http://www.w3.org/2001/04/xmlenc#sha384',
}

/** Issues a manifest: a SWID tag with an enveloped signature. Spec: XML Signature 1.1; Canonical XML 1.1. */
export function issueRim(content: RimContent, chain: CertifiedChain): string {
  const tag = softwareIdentity(content)
  const digest = sha384(encodeUtf8(writeCanonicalXml(tag)))
  const signedInfo = signedInfoNode(encodeBase64(digest))
  // Where it stands, SignedInfo inherits the namespaces of the elements around it.
  const inherited = Object.entries({ ...namespaces, 'xmlns:ds': dsig })
  const signed = encodeUtf8(writeCanonicalXml({ ...signedInfo, attributes: inherited }))
  const value = chain[0]?.key.signRaw(signed) ?? new Uint8Array(0)
  if (content.forged === 'signature') value[0] = (value[0] ?? 0) ^ 1
  const certificates = chain.map(({ der }) => xml('ds:X509Certificate', {}, encodeBase64(der)))
  const signature = xml(
    'ds:Signature',
    { 'xmlns:ds': dsig },
    signedInfo,
    xml('ds:SignatureValue', {}, encodeBase64(value)),
    xml('ds:KeyInfo', {}, xml('ds:X509Data', {}, ...certificates)),
  )
  const text = writeXml({ ...tag, content: [...tag.content, signature] })
  return content.forged === 'content' ? text.replace('revision="r1"', 'revision="r2"') : text
}

function softwareIdentity({ chip, version, measurements }: RimContent): XmlNode {
  const resources = Array.from({ length: blockCount(chip) }, (_, index) =>
    resource(index, measurements.get(index)),
  )
  return xml(
    'SoftwareIdentity',
    {
      ...namespaces,
      corpus: 'false',
      name: chip,
      patch: 'false',
      supplemental: 'false',
      tagId: encodeHex(sha384(encodeUtf8(`${chip}/${version}`))),
      version: '1.0',
      tagVersion: '0',
    },
    '\n    ',
    xml('ns0:Entity', { name: 'Cloister Emulator', role: 'softwareCreator tagCreator' }),
    '\n    ',
    xml('ns0:Meta', {
      'xmlns:ns1':
        'https://trustedcomputinggroup.org/resource/tcg-reference-integrity-manifest-rim-information-model/',
      colloquialVersion: version,
      edition: chip === 'LS10' ? 'SWITCH' : 'GPU',
      product: chip,
      revision: 'r1',
      PayloadType: 'direct',
      'ns1:BindingSpec': 'RIMIM',
    }),
    '\n    ',
    xml(
      'ns0:Payload',
      { 'xmlns:SHA384': 'http://www.w3.org/2001/04/xmlenc#sha384' },
      ...resources.flatMap((each) => ['\n        ', each]),
      '\n    ',
    ),
    '\n',
  )
}

function resource(index: number, values: readonly Bytes[] | undefined): XmlNode {
  const written = values ?? [new Uint8Array(48)]
  return xml('ns0:Resource', {
    type: 'Measurement',
    index: String(index),
    active: values === undefined ? 'False' : 'True',
    alternatives: String(written.length),
    ...Object.fromEntries(written.map((value, at) => [`ns2:Hash${at}`, encodeHex(value)])),
    name: `Measurement_${index}`,
    size: '48',
  })
}

function signedInfoNode(digest: string): XmlNode {
  const enveloped = { Algorithm: `${dsig}enveloped-signature` }
  return xml(
    'ds:SignedInfo',
    {},
    xml('ds:CanonicalizationMethod', { Algorithm: c14n11 }),
    xml('ds:SignatureMethod', {
      Algorithm: 'http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384',
    }),
    xml(
      'ds:Reference',
      { URI: '' },
      xml(
        'ds:Transforms',
        {},
        xml('ds:Transform', enveloped),
        xml('ds:Transform', { Algorithm: c14n11 }),
      ),
      xml('ds:DigestMethod', { Algorithm: 'http://www.w3.org/2001/04/xmldsig-more#sha384' }),
      xml('ds:DigestValue', {}, digest),
    ),
  )
}
