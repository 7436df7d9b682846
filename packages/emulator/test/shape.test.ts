// What the emulator issues has the same DER shape and the same members as what Intel issues.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { machineSeed, sampleEnclave, sampleRequest, testManufacturer } from './verifier.ts'

const evidence =
  process.env['CLOISTER_EVIDENCE'] ?? join(import.meta.dirname, '../../../../shared/evidence')
const sample = join(evidence, 'tdx/google-cos113-202510-UpToDate')
const present = existsSync(sample)
if (!present) console.warn(`Skipped: comparison with Intel's own documents, ${sample} is absent`)

/** Tags of a DER value by depth, and object ids; values are left out. */
function shape(der: Buffer, depth = 0): string[] {
  const lines: string[] = []
  for (let at = 0; at < der.length;) {
    const tag = der[at]!
    const long = der[at + 1]! > 0x80 ? der[at + 1]! - 0x80 : 0
    const start = at + 2 + long
    const size = long ? der.readUIntBE(at + 2, long) : der[at + 1]!
    const content = der.subarray(start, start + size)
    const name = tag === 0x06 ? content.toString('hex') : ''
    lines.push(`${' '.repeat(depth)}${tag.toString(16)} ${name}`)
    const nested = (tag & 0x20) !== 0 || (tag === 0x04 && isSequence(content))
    if (nested) lines.push(...shape(content, depth + 1))
    at = start + size
  }
  return lines
}

/** Whether an OCTET STRING holds exactly one SEQUENCE, as extensions do. */
function isSequence(content: Buffer): boolean {
  if (content.length < 2 || content[0] !== 0x30) return false
  const short = content.readUInt8(1)
  const size = short === 0x82 ? 4 + content.readUInt16BE(2) : 2 + short
  return content.length === size
}

/** Names of members at every level; of a list, its first element's. */
function members(value: unknown): unknown {
  if (Array.isArray(value)) return value.length > 0 ? [members(value[0])] : []
  if (value === null || typeof value !== 'object') return typeof value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, members(member)]))
}

function memberText(json: string): string {
  return JSON.stringify(members(JSON.parse(json)))
}

function layout(bytes: Buffer) {
  const certification = 770 + 384 + 64
  const authSize = bytes.readUInt16LE(certification)
  const inner = certification + 2 + authSize
  return {
    header: bytes.subarray(0, 28).toString('hex'),
    outerType: bytes.readUInt16LE(764),
    outerSizeFills: bytes.readUInt32LE(632) === 64 + 64 + 6 + bytes.readUInt32LE(766),
    auth: bytes.subarray(certification + 2, inner).toString('hex'),
    innerType: bytes.readUInt16LE(inner),
    innerFills: bytes.readUInt32LE(766) === inner + 6 + bytes.readUInt32LE(inner + 2) - 770,
    chain: bytes.subarray(inner + 6, inner + 33).toString(),
  }
}

function certificates(pem: string): Buffer[] {
  return [...pem.matchAll(/-----BEGIN CERTIFICATE-----([^-]+)-----END/g)].map(([, body]) =>
    Buffer.from(body!, 'base64'),
  )
}

const sgxSample = join(evidence, 'sgx/automata-v3-a-202508-SWHardeningNeeded')
const processorSample = join(
  evidence,
  'sgx/phala-processor-ca-202507-ConfigurationAndSWHardeningNeeded',
)

describe.skipIf(!present)("SGX beside Intel's own documents", () => {
  const manufacturer = testManufacturer()
  const read = (name: string) => JSON.parse(readFileSync(join(name, 'collateral.json'), 'utf8'))

  test.for([
    ['platform', sgxSample],
    ['processor', processorSample],
  ] as const)('the PCK chain of the %s CA has the same shape, leaf to root', ([ca, folder]) => {
    const platform = manufacturer.createPlatform({ machineSeed: machineSeed(1), ca })
    const quote = Buffer.from(platform.quoteEnclave(sampleEnclave()))
    const theirQuote = readFileSync(join(folder, 'quote.bin'))
    expect(quote.subarray(0, 8)).toEqual(theirQuote.subarray(0, 8))
    const [ours, theirs] = [quote, theirQuote].map((bytes) =>
      certificates(bytes.toString('latin1')),
    )
    expect(ours).toHaveLength(3)
    for (const [index, der] of ours!.entries()) expect(shape(der)).toEqual(shape(theirs![index]!))
  })

  test('TCB info and QE identity have the same members in the same order', () => {
    const collateral = manufacturer.collateral({ tee: 'sgx' })
    const intel = read(sgxSample)
    // The best level of this family has an advisory of its own; the emulator's has none.
    const theirs = memberText(intel.tcb_info).replace(',"advisoryIDs":["string"]', '')
    expect(memberText(collateral.tcbInfo)).toBe(theirs)
    expect(memberText(collateral.qeIdentity)).toBe(memberText(intel.qe_identity))
  })
})

describe.skipIf(!present)("beside Intel's own documents", () => {
  const manufacturer = testManufacturer()
  const platform = manufacturer.createPlatform({ machineSeed: machineSeed(1), revoked: true })
  const mine = Buffer.from(platform.quote(sampleRequest()))
  const collateral = manufacturer.collateral()
  const quote = present ? readFileSync(join(sample, 'quote.bin')) : Buffer.alloc(0)
  const intel = present ? JSON.parse(readFileSync(join(sample, 'collateral.json'), 'utf8')) : {}

  test('the PCK chain in a quote has the same shape, leaf to root', () => {
    const [ours, theirs] = [mine, quote].map((bytes) => certificates(bytes.toString('latin1')))
    expect(ours).toHaveLength(3)
    for (const [index, der] of ours!.entries()) expect(shape(der)).toEqual(shape(theirs![index]!))
  })

  test('the TCB signing chain has the same shape', () => {
    const theirs = certificates(intel.tcb_info_issuer_chain)
    for (const [index, der] of certificates(collateral.tcbInfoIssuerChain).entries())
      expect(shape(der)).toEqual(shape(theirs[index]!))
  })

  test('revocation lists have the same shape', () => {
    expect(shape(Buffer.from(collateral.rootCaCrl, 'hex'))).toEqual(
      shape(Buffer.from(intel.root_ca_crl, 'hex')),
    )
    const [ours, theirs] = [collateral.pckCrl, intel.pck_crl].map((hex: string) => [
      ...new Set(shape(Buffer.from(hex, 'hex'))),
    ])
    expect(ours).toEqual(theirs)
  })

  test('TCB info and QE identity have the same members in the same order', () => {
    expect(memberText(collateral.tcbInfo)).toBe(memberText(intel.tcb_info))
    expect(memberText(collateral.qeIdentity)).toBe(memberText(intel.qe_identity))
  })

  test('a quote has the same layout up to its certificates', () => {
    const { auth, ...ours } = layout(mine)
    const { auth: _, ...theirs } = layout(quote)
    expect(ours).toEqual(theirs)
    expect(auth).toBe(
      Buffer.from(Array.from({ length: 32 }, (_unused, index) => index)).toString('hex'),
    )
    expect(ours.outerSizeFills && ours.innerFills).toBe(true)
  })
})
