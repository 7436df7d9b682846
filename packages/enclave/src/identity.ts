import { appraise, parseTdxQuote, strictPolicy, type Anchor } from '@cloister/attest'
import {
  encodeHex,
  OperationError,
  parsePem,
  parseUtf8,
  unixSeconds,
  type Bytes,
} from '@cloister/codec'
import {
  keyHash,
  messageDigest,
  tdxMeasurement,
  type Domain,
  type Message,
  type MessageName,
} from '@cloister/protocol'
import { generateEnvelopeKeyPair, type EnvelopePrivateKey } from '@cloister/seal'
import type { Address, Hex } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'

import type { GuestDriver } from './guest-driver.ts'

/** Who this enclave is, from one start to its end: keys in memory only, and what its own evidence says. */
export type Identity = {
  readonly receiptKey: Address
  readonly sharePublicKey: Bytes
  readonly shareKeyHash: Hex
  readonly sharePrivateKey: EnvelopePrivateKey
  readonly machineId: Hex
  readonly measurement: Hex
  /** Which collateral is about this platform. */
  readonly platform: { readonly fmspc: string; readonly ca: 'processor' | 'platform' }
  /** Signs a message with the receipt key. */
  readonly sign: <N extends MessageName>(name: N, message: Message<N>) => Promise<Hex>
}

/** Makes fresh keys, and reads from a quote of its own which machine this is and what runs on it. */
export async function createIdentity(
  domain: Domain,
  driver: GuestDriver,
  anchors: readonly Anchor[],
  // Read once, to look at our own evidence: a wrong clock makes the start fail and nothing else.
  startSeconds: number,
): Promise<Identity> {
  const account = privateKeyToAccount(generatePrivateKey())
  const share = await generateEnvelopeKeyPair({ extractable: false })
  const quote = await driver.quote(new Uint8Array(64))
  return {
    receiptKey: account.address,
    sharePublicKey: share.publicKey,
    shareKeyHash: keyHash(share.publicKey),
    sharePrivateKey: share.privateKey,
    ...(await readOwnQuote(quote, anchors, startSeconds)),
    sign: (name, message) => account.sign({ hash: messageDigest(domain, name, message) }),
  }
}

async function readOwnQuote(quote: Bytes, anchors: readonly Anchor[], startSeconds: number) {
  const policy = strictPolicy({
    measurements: 'any',
    reportData: 'any',
    machineIds: 'any',
  })
  const now = unixSeconds(startSeconds)
  const given = { collateral: 'none', anchors, policy, now } as const
  const appraisal = await appraise({ tee: 'tdx', quote }, given)
  if (appraisal.authentic === false)
    throw new OperationError(
      'own-evidence-refused',
      `Cannot start: the quote of this machine is not authentic, ${appraisal.reject} (${appraisal.where})`,
    )
  const { machineId, fmspc } = appraisal.claims
  if (machineId === undefined || fmspc === undefined)
    throw new OperationError(
      'own-evidence-refused',
      'Cannot start: the quote of this machine carries no PCK certificate',
    )
  const { report, certificationData } = parseTdxQuote(quote)
  const [rtmr0, rtmr1, rtmr2, rtmr3] = report.rtmrs.map(prefixed)
  if (!rtmr0 || !rtmr1 || !rtmr2 || !rtmr3)
    throw new OperationError('own-evidence-refused', 'Cannot start: a quote without four RTMRs')
  return {
    machineId: prefixedText(machineId),
    measurement: tdxMeasurement({
      mrtd: prefixed(report.mrtd),
      rtmrs: [rtmr0, rtmr1, rtmr2, rtmr3],
    }),
    platform: { fmspc, ca: issuerOf(certificationData) },
  } as const
}

// The leaf's issuer is named in plain ASCII. Only which collateral to ask for depends on it.
function issuerOf(certificationData: Bytes): 'processor' | 'platform' {
  const end = certificationData.findIndex((byte) => byte === 0)
  const pem = parseUtf8(certificationData.subarray(0, end < 0 ? undefined : end), 'PCK chain')
  const [leaf] = parsePem(pem, 'CERTIFICATE', 'PCK chain', { blocksMax: 8, charactersMax: 65_536 })
  const text = new TextDecoder('latin1').decode(leaf)
  return text.includes('SGX PCK Platform CA') ? 'platform' : 'processor'
}

function prefixed(bytes: Uint8Array): Hex {
  return `0x${encodeHex(bytes)}`
}

function prefixedText(hex: string): Hex {
  return `0x${hex.replace(/^0x/, '')}`
}
