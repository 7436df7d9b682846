// Of two faults at once, the answer is the one that stands first in the list of reject codes.
import {
  appraise,
  insecureDevnetAnchor,
  rejectCodes,
  type Anchor,
  type IntelCollateral,
  type RejectCode,
} from '@cloister/attest'
import { unixSeconds, type Bytes, type UnixSeconds } from '@cloister/codec'
import { createManufacturer } from '@cloister/emulator'
import { describe, expect, test } from 'vitest'
import { anyPolicy } from './evidence.ts'

type Tee = 'sgx' | 'tdx'
type Input = {
  readonly quote: Bytes
  readonly intel: IntelCollateral
  readonly anchors: readonly Anchor[]
  readonly now: UnixSeconds
}
type Fault = readonly [code: RejectCode, apply: (input: Input, at: Offsets) => Input]

/** Where things stand in a quote of certification type 1: SGX version 3, TDX version 4. */
type Offsets = { readonly [K in 'body' | 'qeSignature' | 'qeAuth' | 'certification']: number }
const offsets: Readonly<Record<Tee, Offsets>> = {
  sgx: { body: 431, qeSignature: 948, qeAuth: 1014, certification: 1046 },
  tdx: { body: 631, qeSignature: 1154, qeAuth: 1220, certification: 1252 },
}

const issued = unixSeconds(1_790_000_000)
const manufacturer = createManufacturer({ seed: new Uint8Array(32).fill(0x5e), now: issued })
const machineSeed = new Uint8Array(16).fill(1)
const platform = manufacturer.createPlatform({ machineSeed })
const older = manufacturer.createPlatform({ machineSeed, tcb: 'OutOfDate' })

function soundInput(tee: Tee): Input {
  const [identity, register] = [new Uint8Array(32), new Uint8Array(48)]
  const common = { reportData: new Uint8Array(64), certificationType: 1 } as const
  const rtmrs = [register, register, register, register] as const
  return {
    quote:
      tee === 'sgx'
        ? platform.quoteEnclave({ ...common, mrEnclave: identity, mrSigner: identity })
        : platform.quote({ ...common, mrtd: register, rtmrs }),
    intel: {
      ...manufacturer.collateral({ tee }),
      pckCertificateChain: platform.pckChainPem,
    },
    anchors: [insecureDevnetAnchor(manufacturer.anchorSpkiSha256)],
    now: unixSeconds(issued + 60),
  }
}

const faults: readonly Fault[] = [
  ['PARSE', (input) => ({ ...input, quote: input.quote.slice(0, -1) })],
  ['PCK_CERT_UNAVAILABLE', (input, at) => set(input, at.certification, 4)],
  ['COLLATERAL_MISSING', (input) => document(input, { qeIdentity: '' })],
  ['CHAIN_INVALID', (input) => document(input, { pckCertificateChain: firstTwo(chainOf(input)) })],
  ['UNTRUSTED_ROOT', (input) => ({ ...input, anchors: [] })],
  [
    'CHAIN_SIGNATURE',
    (input) => document(input, { pckCertificateChain: tampered(chainOf(input)) }),
  ],
  [
    'CERT_EXPIRED_OR_NOT_YET_VALID',
    (input) => ({ ...input, now: unixSeconds(Date.UTC(2050, 1) / 1000) }),
  ],
  ['CERT_MISMATCH', (input) => document(input, { pckCertificateChain: older.pckChainPem })],
  ['CRL_MISSING', (input) => document(input, { rootCaCrl: '' })],
  ['CRL_INVALID_OR_EXPIRED', (input) => document(input, { pckCrl: flipLast(input.intel.pckCrl) })],
  ['CERT_REVOKED', (input) => document(input, { pckCrl: revokingCrl() })],
  ['TCB_INFO_SIGNATURE', (input) => document(input, { tcbInfoSignature: '00'.repeat(64) })],
  ['QE_IDENTITY_SIGNATURE', (input) => document(input, { qeIdentitySignature: '00'.repeat(64) })],
  ['TCB_INFO_UNSUPPORTED', (input) => edit(input, 'tcbInfo', /"version":3/, '"version":9')],
  ['QE_IDENTITY_UNSUPPORTED', (input) => edit(input, 'qeIdentity', /"version":2/, '"version":9')],
  ['TCB_INFO_EXPIRED', (input) => edit(input, 'tcbInfo', ...ended)],
  ['QE_IDENTITY_EXPIRED', (input) => edit(input, 'qeIdentity', ...ended)],
  ['QE_REPORT_SIGNATURE', (input, at) => flip(input, at.qeSignature + 40)],
  ['QE_REPORT_DATA', (input, at) => flip(input, at.qeAuth)],
  ['QE_IDENTITY_MISMATCH', (input) => edit(input, 'qeIdentity', /"isvprodid":\d/, '"isvprodid":9')],
  ['QUOTE_SIGNATURE', (input, at) => flip(input, at.body)],
  ['TCB_INFO_MISMATCH', (input) => edit(input, 'tcbInfo', /"fmspc":"C1/, '"fmspc":"C2')],
  ['TCB_NOT_SUPPORTED', (input) => edit(input, 'tcbInfo', /"pcesvn":13/g, '"pcesvn":99')],
]
const ended = [/"nextUpdate":"[^"]+"/, '"nextUpdate":"2026-09-21T00:00:00Z"'] as const

describe.for(['sgx', 'tdx'] as const)('%s', (tee) => {
  const sound = soundInput(tee)
  const rejected = async ({ quote, intel, anchors, now }: Input) => {
    const given = { collateral: { intel }, anchors, policy: anyPolicy(), now }
    const appraisal = await appraise({ tee, quote }, given)
    return appraisal.authentic === false ? appraisal.reject : 'none'
  }

  test('nothing is wrong with a quote of certification type 1 and its chain', async () => {
    expect(await rejected(sound)).toBe('none')
  })

  test.for(faults)('%s alone is what is said', async ([code, apply]) => {
    expect(await rejected(apply(sound, offsets[tee]))).toBe(code)
  })

  test.for(faults)('%s is said before every later fault', async ([code, apply]) => {
    const later = faults.slice(faults.findIndex((fault) => fault[0] === code) + 1)
    for (const [other, applyOther] of later) {
      const both = apply(applyOther(sound, offsets[tee]), offsets[tee])
      expect(await rejected(both), `${code} and ${other}`).toBe(code)
    }
  })
})

test('the faults above stand in the order of the list', () => {
  const codes = faults.map(([code]) => code)
  expect(codes).toEqual(rejectCodes.filter((code) => codes.includes(code)))
})

test.for(['sgx', 'tdx'] as const)(
  'an %s quote that only names its platform is bound to no machine without the chain, and refused if forged',
  async (tee) => {
    const { quote, anchors, now } = soundInput(tee)
    const given = { collateral: 'none', anchors, policy: anyPolicy(), now } as const
    const sound = await appraise({ tee, quote }, given)
    expect(sound).toMatchObject({
      authentic: 'chain-only',
      claims: { anchor: 'none', endorsement: 'supplied', productLine: 'unknown' },
      reasons: expect.arrayContaining([expect.objectContaining({ code: 'PCK_CERT_UNAVAILABLE' })]),
      until: now,
    })
    expect(sound).not.toHaveProperty('claims.machineId')
    const forged = flip(soundInput(tee), 100).quote
    expect(await appraise({ tee, quote: forged }, given)).toMatchObject({
      reject: 'QUOTE_SIGNATURE',
    })
  },
)

function set(input: Input, offset: number, value: number): Input {
  const quote = input.quote.slice()
  quote[offset] = value
  return { ...input, quote }
}

function flip(input: Input, offset: number): Input {
  return set(input, offset, input.quote[offset]! ^ 1)
}

function document(input: Input, over: Partial<IntelCollateral>): Input {
  return { ...input, intel: { ...input.intel, ...over } }
}

/** Changes a signed document and signs it anew. */
function edit(input: Input, key: 'tcbInfo' | 'qeIdentity', from: RegExp, to: string): Input {
  const changed = input.intel[key].replace(from, to)
  const { text, signature } = manufacturer.signDocument(changed)
  return document(input, { [key]: text, [`${key}Signature`]: signature })
}

function chainOf(input: Input): string {
  return input.intel.pckCertificateChain!
}

function blocks(pem: string): string[] {
  return pem.split(/(?<=-----END CERTIFICATE-----\n)/)
}

function firstTwo(pem: string): string {
  return blocks(pem).slice(0, 2).join('')
}

/** The last byte of the leaf's signature is another. */
function tampered(pem: string): string {
  const [leaf, ...rest] = blocks(pem)
  const der = Buffer.from(leaf!.replaceAll(/-----[^-]+-----|\n/g, ''), 'base64')
  der[der.length - 1]! ^= 1
  const lines = der
    .toString('base64')
    .match(/.{1,64}/g)!
    .join('\n')
  return [`-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`, ...rest].join('')
}

function flipLast(hex: string): string {
  return hex.slice(0, -1) + (Number.parseInt(hex.slice(-1), 16) ^ 1).toString(16)
}

/** The same manufacturer's list after it took the machine's certificates back. */
function revokingCrl(): string {
  const again = createManufacturer({ seed: new Uint8Array(32).fill(0x5e), now: issued })
  again.createPlatform({ machineSeed, revoked: true })
  again.createPlatform({ machineSeed, tcb: 'OutOfDate', revoked: true })
  return again.collateral().pckCrl
}
