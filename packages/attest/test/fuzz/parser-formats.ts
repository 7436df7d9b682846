import {
  canonicalJson,
  encodeBase64,
  encodeBase64Url,
  encodeCbor,
  encodeHex,
  encodePem,
  encodeUtf8,
  equalBytes,
  MalformedError,
  parseBase64,
  parseBase64Url,
  parseCbor,
  parseHex,
  parseJson,
  parsePem,
  parseUtf8,
  type Bytes,
} from '@cloister/codec'
import { encodeCollateral, parseAnchorFile, parseCollateral } from '@cloister/attest'
import { parseQeIdentity } from '../../src/dcap/qe-identity.ts'
import { parseSgxTcbInfo, parseTdxTcbInfo } from '../../src/dcap/tcb-info.ts'
import { parseAttestationKey } from '../../src/tpm/attestation-key.ts'
import { parseEventLog } from '../../src/tpm/event-log.ts'
import { parseHclBlob } from '../../src/tpm/hcl.ts'
import { parseCertificate } from '../../src/x509/certificate.ts'
import { parseOcspResponse } from '../../src/x509/ocsp.ts'
import { encodePublicKeyInfo, parsePublicKeyInfo } from '../../src/x509/public-key.ts'
import { parseRevocationList } from '../../src/x509/revocation-list.ts'
import { canonicalXml } from '../../src/xml/canonical.ts'
import { parseXml } from '../../src/xml/parse.ts'
import { isBase, type Base, type Format, type Input, type Judged } from './case.ts'
import { walkDer } from './der-walk.ts'
import { mutate } from './mutate.ts'
import { seeds, type Seeds } from './parser-seeds.ts'

/** A reader of bytes or text from outside: it reads, or throws a MalformedError that says where. */
type Parser = {
  readonly name: string
  readonly what: string
  readonly seeds: (found: Seeds) => readonly (Bytes | string)[]
  /** Reads, and checks that what was read is written the same again where its format has one way of writing. */
  readonly read: (input: Bytes | string) => unknown
}

const cborLimits = { bytesMax: 64 * 1024, depthMax: 16, itemsMax: 4096 }
const pemLimits = { blocksMax: 10, charactersMax: 64 * 1024 }
const jsonLimits = { charactersMax: 1024 * 1024, depthMax: 12 }

const parsers: readonly Parser[] = [
  {
    name: 'cbor',
    what: 'CBOR in its deterministic encoding and in any',
    seeds: ({ cbor }) => cbor,
    read: (input) => {
      const read = parseCbor(asBytes(input), 'cbor', { ...cborLimits, indefinite: true })
      const written = encodeCbor(read)
      same(encodeCbor(parseCbor(written, 'cbor', { ...cborLimits, canonical: true })), written)
      // Only bytes that are their own deterministic encoding may be read as such.
      const isCanonical = isRead(() =>
        parseCbor(asBytes(input), 'cbor', { ...cborLimits, canonical: true }),
      )
      if (isCanonical !== equalBytes(written, asBytes(input))) unlike('canonical or not')
    },
  },
  { name: 'der', what: 'DER, element by element', seeds: ({ der }) => der, read: walkDer },
  {
    name: 'pem',
    what: 'PEM',
    seeds: ({ pem }) => pem,
    read: (input) => {
      const blocks = parsePem(asText(input), 'CERTIFICATE', 'pem', pemLimits)
      const text = blocks.map((block) => encodePem(encodeBase64(block), 'CERTIFICATE')).join('')
      const again = parsePem(text, 'CERTIFICATE', 'pem', { ...pemLimits, charactersMax: 2 ** 20 })
      for (const [index, block] of blocks.entries()) same(again[index], block)
    },
  },
  {
    name: 'base64',
    what: 'base64, base64url and hexadecimal',
    seeds: ({ der }) => der.slice(0, 20).flatMap((each) => texts(each)),
    read: (input) => {
      const text = asText(input)
      const reads = [
        isRead(() => sameText(encodeBase64(parseBase64(text)), text)),
        isRead(() => sameText(encodeBase64Url(parseBase64Url(text)), text)),
        isRead(() => sameText(encodeHex(parseHex(text)), text.replace(/^0x/, '').toLowerCase())),
      ]
      if (!reads.includes(true)) throw new MalformedError('text', 0, 'none of the three')
    },
  },
  {
    name: 'json',
    what: 'JSON and its canonical form',
    seeds: ({ json }) => json,
    read: (input) => {
      const written = canonicalJson(parseJson(asText(input), 'json', jsonLimits))
      sameText(canonicalJson(parseJson(written, 'json', { ...jsonLimits, depthMax: 64 })), written)
    },
  },
  {
    name: 'xml',
    what: 'XML and its canonical form',
    seeds: ({ xml }) => xml,
    read: (input) => {
      const written = canonicalXml([parseXml(asText(input), 'xml')])
      sameText(canonicalXml([parseXml(written, 'xml')]), written)
    },
  },
  {
    name: 'certificate',
    what: 'X.509 certificates',
    seeds: ({ certificates }) => certificates,
    read: (input) => parseCertificate(asBytes(input), 'certificate'),
  },
  {
    name: 'revocation-list',
    what: 'X.509 revocation lists',
    seeds: ({ revocationLists }) => revocationLists,
    read: (input) => parseRevocationList(asBytes(input), 'list'),
  },
  {
    name: 'ocsp',
    what: 'OCSP responses',
    seeds: ({ ocspResponses }) => ocspResponses,
    read: (input) => parseOcspResponse(asBytes(input), 'response'),
  },
  {
    name: 'public-key',
    what: 'SubjectPublicKeyInfo',
    seeds: ({ certificates }) => certificates.map((der) => parseCertificate(der, 'seed').spki),
    read: (input) => {
      const numbers = parsePublicKeyInfo(asBytes(input), 'key')
      const written = encodePublicKeyInfo(numbers)
      same(encodePublicKeyInfo(parsePublicKeyInfo(written, 'key')), written)
    },
  },
  {
    name: 'tpm-public',
    what: 'TPMT_PUBLIC and SubjectPublicKeyInfo of attestation keys',
    seeds: ({ attestationKeys }) => attestationKeys,
    read: (input) => parseAttestationKey(asBytes(input)),
  },
  {
    name: 'event-log',
    what: 'TCG event logs',
    seeds: ({ eventLogs }) => eventLogs,
    read: (input) => parseEventLog(asBytes(input)),
  },
  {
    name: 'hcl',
    what: "Azure's blobs",
    seeds: ({ hcls }) => hcls,
    read: (input) => parseHclBlob(asBytes(input)),
  },
  {
    name: 'intel-json',
    what: 'TCB info and QE identities',
    seeds: ({ json }) => json,
    read: (input) => {
      const text = asText(input)
      const reads = [parseSgxTcbInfo, parseTdxTcbInfo, parseQeIdentity].map((parse) =>
        isRead(() => parse(text)),
      )
      if (!reads.includes(true)) throw new MalformedError('text', 0, 'none of the three')
    },
  },
  {
    name: 'collateral-file',
    what: 'collateral as one JSON file',
    seeds: ({ collaterals }) => collaterals,
    read: (input) => {
      const written = encodeCollateral(parseCollateral(asText(input)))
      sameText(encodeCollateral(parseCollateral(written)), written)
    },
  },
  {
    name: 'anchor-file',
    what: 'files of anchors: certificates and device keys',
    seeds: ({ pem, certificates, deviceKeys }) => [...pem, ...certificates, ...deviceKeys],
    read: (input) => parseAnchorFile(asBytes(input), 'arm-psa'),
  },
]

/** Random and structure-aware mutants given to one parser each. */
export const parserFormats: readonly Format[] = parsers.map((parser) => ({
  name: parser.name,
  what: parser.what,
  open: async (bases: readonly Base[]) => {
    const found = parser.seeds(seeds(bases))
    if (found.length === 0) return undefined
    const judge = (input: Input): Promise<Judged> => readOrRefuse(parser, input)
    return {
      make: (_, random) => {
        const chosen = random.below(found.length)
        const [value, donor] = [found[chosen] ?? '', random.pick(found)]
        const input =
          typeof value === 'string'
            ? mutate(value, random, typeof donor === 'string' ? donor : value)
            : mutate(value, random, typeof donor === 'string' ? value : donor)
        return { base: `${parser.name} ${chosen}`, input, judge: () => judge(input) }
      },
      again: judge,
    }
  },
}))

/** A refusal has to name a field and where it stands. Anything else that is thrown is a crash. */
async function readOrRefuse(parser: Parser, input: Input): Promise<Judged> {
  if (isBase(input)) return { outcome: 'no bytes' }
  try {
    await parser.read(input)
    return { outcome: 'read' }
  } catch (error) {
    if (error instanceof Unlike)
      return { outcome: 'unlike', problem: { kind: 'invariant', detail: error.message } }
    if (!(error instanceof MalformedError)) throw error
    const { field, offset } = error
    const says = field.length > 0 && Number.isSafeInteger(offset) && offset >= 0
    if (says) return { outcome: 'malformed' }
    const detail = `a refusal that names ${field} at ${offset}: ${error.message}`
    return { outcome: 'malformed', problem: { kind: 'invariant', detail } }
  }
}

/** What was read is not what is written: two inputs would count as one, or one as two. */
class Unlike extends Error {
  override readonly name = 'Unlike'
}

function unlike(detail: string): never {
  throw new Unlike(detail)
}

function same(a: Bytes | undefined, b: Bytes): void {
  if (a === undefined || !equalBytes(a, b)) unlike('other bytes when written and read again')
}

function sameText(a: string, b: string): void {
  if (a !== b) unlike(`written again: ${a.slice(0, 200)} | ${b.slice(0, 200)}`)
}

function isRead(read: () => unknown): boolean {
  try {
    read()
    return true
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error
    return false
  }
}

function texts(bytes: Bytes): readonly string[] {
  return [encodeBase64(bytes), encodeBase64Url(bytes), encodeHex(bytes)]
}

function asBytes(input: Bytes | string): Bytes {
  return typeof input === 'string' ? encodeUtf8(input) : input
}

function asText(input: Bytes | string): string {
  return typeof input === 'string' ? input : parseUtf8(input)
}
