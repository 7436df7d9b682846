import { MalformedError } from '@cloister/codec'
import { anchorName, isDevnetAnchor, findDeviceAnchor, type Anchor } from '../anchors.ts'
import { refusalAsAnswer, type Appraisal, type Given } from '../appraisal.ts'
import { deviceKeysIn } from '../collateral.ts'
import { DcapMemory } from '../dcap/collateral.ts'
import { deviceKeySha256 } from '../device-key.ts'
import type { TpmEvidence } from '../evidence.ts'
import { malformedAs, Refusal, refuseUnless } from '../reject.ts'
import { parseTdxQuote } from '../tdx/parse.ts'
import { CertificateMemory, earliest, noEnd, type Chain } from '../x509/chain.ts'
import { parseAttestationKey, type AttestationKey } from './attestation-key.ts'
import { readBootClaims } from './boot-claims.ts'
import {
  readAttestationKeyChain,
  verifyAttestationKeyChain,
  type AttestationKeyChain,
} from './chain.ts'
import { readTpmClaims, type TpmClaims, type Vouched } from './claims.ts'
import { parseEventLog, type EventLog } from './event-log.ts'
import { bindHardware, judgeHardware, type JudgedHardware, type TpmMemory } from './hardware.ts'
import { parseHclBlob, type HclBlob } from './hcl.ts'
import { parseTpmQuote, type TpmQuote } from './parse.ts'
import { checkPcrForm, checkPcrs } from './pcrs.ts'
import { judgeTpmClaims } from './policy.ts'
import { parseTpmSignature, verifyTpmSignature, type TpmAlgorithm } from './signature.ts'

/**
 * Appraises a TPM's quote and what came with it. Pure: no network, no clock, and nothing in `memory` changes the answer.
 *
 * Checks are made in this order, and the first that fails is the answer: the form of everything; the chain of the
 * attestation key's certificate; the quote's signature; the hardware below, with the codes of its own kind; what binds
 * the key to certificate and hardware; the PCR values.
 */
export function appraiseTpm(
  evidence: TpmEvidence,
  given: Given,
  memory: TpmMemory = { certificates: new CertificateMemory(), dcap: new DcapMemory() },
): Promise<Appraisal<TpmClaims>> {
  return refusalAsAnswer(given, () => appraiseOrRefuse(evidence, given, memory))
}

async function appraiseOrRefuse(
  evidence: TpmEvidence,
  given: Given,
  memory: TpmMemory,
): Promise<Appraisal<TpmClaims>> {
  const parsed = readParts(evidence, given, memory)
  const { quote, hcl } = parsed
  const chain =
    parsed.chain && (await verifyAttestationKeyChain(parsed.chain, given, memory.certificates))
  const { key, algorithm } = await verifyQuote(evidence, parsed)
  const spkiSha256 = await deviceKeySha256(key.numbers)

  const hardware = hcl && (await judgeHardware(hcl, evidence.hardwareQuote, given, memory))
  await requireSameKey(spkiSha256, chain, 'the certificate')
  await requireSameKey(spkiSha256, hcl && { numbers: hcl.attestationKey }, 'the hardware report')
  if (hcl) await bindHardware(hcl, evidence.hardwareQuote)
  const { selection, pcrDigest } = quote
  const pcrs = await checkPcrs(evidence.pcrs, selection, pcrDigest, algorithm.hash.hash)
  const values = pcrs.complete ? pcrs.values : undefined
  const boot = parsed.eventLog && values && (await readBootClaims(parsed.eventLog, values))

  const pin = findDeviceAnchor(given.anchors, spkiSha256, evidence.tee)
  const attestationKey = { spkiSha256, ...(key.attributes && { attributes: key.attributes }) }
  const claims = await readTpmClaims(
    { quote, algorithm, attestationKey, pcrs: values, boot },
    vouch(spkiSha256, { pin, chain, hardware, vm: hcl?.configuration }),
  )
  const chainOnly = given.collateral === 'none'
  const reasons = judgeTpmClaims(
    claims,
    {
      missingPcrs: pcrs.complete ? [] : pcrs.missing,
      hasEventLog: evidence.eventLog !== undefined,
      hardware: hcl && stateOf(hardware),
      listsExist: hardware !== undefined || chain?.vouching?.listsExist === true,
      chainOnly,
      hardwareReasons: hardware?.reasons ?? [],
    },
    given.policy,
  )
  const ends = [chain?.vouching?.until, hardware?.until].filter((end) => end !== undefined)
  return {
    authentic: chainOnly ? 'chain-only' : true,
    claims,
    // A pinned key has no end of its own.
    until: ends.length > 0 ? earliest(ends) : noEnd,
    reasons,
  }
}

type Parts = {
  readonly quote: TpmQuote
  readonly chain: Chain | undefined
  readonly hcl: HclBlob | undefined
  readonly eventLog: EventLog | undefined
  /** Keys that may have signed: the one that came along, or those that somebody gave. */
  readonly keys: readonly AttestationKey[]
}

/** Most bytes of all that comes with a quote, besides the event log, which has a limit of its own. */
const partsBytesMax = 64 * 1024

/** @throws {MalformedError} where there is more than anything genuine has. */
function checkSize({ pcrs, certificateChain, ...parts }: TpmEvidence): void {
  const { quote, signature, attestationKey, hcl, hardwareQuote } = parts
  const values = Object.values(pcrs ?? {}).flatMap((bank) => Object.values(bank))
  const all = [quote, signature, attestationKey, hcl, hardwareQuote, certificateChain, ...values]
  const size = all.reduce((sum, part) => sum + (part?.length ?? 0), 0)
  if (size > partsBytesMax)
    throw new MalformedError('evidence', 0, `got ${size} bytes, at most ${partsBytesMax}`)
}

/** Reads everything that came along, before anything is computed. @throws {Refusal} PARSE, UNSUPPORTED_FORMAT. */
function readParts(evidence: TpmEvidence, given: Given, { certificates }: TpmMemory): Parts {
  const { certificateChain, hcl: blob, eventLog: log, hardwareQuote } = evidence
  malformedAs('PARSE', () => checkSize(evidence))
  const chain =
    certificateChain === undefined
      ? undefined
      : readAttestationKeyChain(certificateChain, given.now, certificates)
  return malformedAs('PARSE', () => {
    const quote = parseTpmQuote(evidence.quote)
    checkPcrForm(evidence.pcrs)
    const hcl = blob && parseHclBlob(blob)
    if (hardwareQuote !== undefined) {
      if (hcl?.hardware.kind !== 'tdx')
        throw new MalformedError('hardware quote', 0, 'no blob binds the attestation key to it')
      parseTdxQuote(hardwareQuote)
    }
    const eventLog = log && parseEventLog(log)
    return { quote, chain, hcl, eventLog, keys: findKeys(evidence, given, chain, hcl) }
  })
}

/** The key that came with the quote, bare, in a certificate or in a blob; else those that were given. */
function findKeys(
  { attestationKey }: TpmEvidence,
  { collateral }: Given,
  chain: Chain | undefined,
  hcl: HclBlob | undefined,
): readonly AttestationKey[] {
  if (attestationKey) return [parseAttestationKey(attestationKey)]
  const found = chain?.[0]?.numbers ?? hcl?.attestationKey
  if (found) return [{ numbers: found }]
  return deviceKeysIn(collateral).map((numbers) => ({ numbers }))
}

async function verifyQuote(
  { quote: bytes, signature }: TpmEvidence,
  { quote, keys }: Parts,
): Promise<{ readonly key: AttestationKey; readonly algorithm: TpmAlgorithm }> {
  let refusal = new Refusal('COLLATERAL_MISSING', 'attestation key: none came with the quote')
  for (const key of keys) {
    const parsed = malformedAs('PARSE', () => parseTpmSignature(signature, key.numbers))
    try {
      const signed = { bytes, pcrDigest: quote.pcrDigest }
      return { key, algorithm: await verifyTpmSignature(signed, parsed, key) }
    } catch (cause) {
      if (!(cause instanceof Refusal)) throw cause
      refusal = cause
    }
  }
  throw refusal
}

/** @throws {Refusal} AK_BINDING. */
async function requireSameKey(
  spkiSha256: string,
  other: Pick<AttestationKeyChain, 'numbers'> | undefined,
  what: string,
): Promise<void> {
  const digest = other && (await deviceKeySha256(other.numbers))
  refuseUnless(
    digest === undefined || digest === spkiSha256,
    'AK_BINDING',
    () => `${what} names key ${digest}, the quote is signed by ${spkiSha256}`,
  )
}

type Vouchers = {
  readonly pin: Anchor | undefined
  readonly chain: AttestationKeyChain | undefined
  readonly hardware: JudgedHardware | undefined
  readonly vm: HclBlob['configuration'] | undefined
}

/**
 * What vouches for a key: authentic hardware before a certificate, a certificate before a pin. But where a devnet has
 * a say in it, however little, the devnet's root is what is named: a key that somebody vouches for makes no machine of
 * an emulator's real, nor a real machine a certificate of an emulator's.
 */
function vouch(spkiSha256: string, { pin, chain, hardware, vm }: Vouchers): Vouched {
  const isBound = hardware?.authentic === true
  const ofCertificate = chain?.vouching?.anchor
  const first =
    (isBound ? hardware.claims.anchor : undefined) ??
    ofCertificate ??
    (pin ? anchorName(pin) : undefined)
  const devnet = [hardware?.claims.anchor, ofCertificate].find(
    (name) => name !== undefined && isDevnetAnchor(name),
  )
  const anchor = first && (devnet ?? first)
  const endorsement = anchor === undefined ? 'supplied' : 'pinned'
  const named = { anchor: anchor ?? `supplied:${spkiSha256}`, endorsement } as const
  if (hardware === undefined)
    return { ...named, productLine: 'tpm', debug: null, revocation: 'not-checked' }
  const { claims } = hardware
  const { productLine, debug, revocation, machineId } = claims
  return {
    ...named,
    productLine,
    debug,
    revocation,
    hardware: claims,
    ...(vm && { vm }),
    ...(machineId !== undefined && { machineId }),
    ...(claims.tcbStatus !== undefined && { tcbStatus: claims.tcbStatus }),
    ...(claims.advisoryIds !== undefined && { advisoryIds: claims.advisoryIds }),
    ...(claims.tcbEvaluationDataNumber !== undefined && {
      tcbEvaluationDataNumber: claims.tcbEvaluationDataNumber,
    }),
  }
}

function stateOf(hardware: JudgedHardware | undefined): 'authentic' | 'chain-only' | 'not judged' {
  if (hardware === undefined) return 'not judged'
  return hardware.authentic === true ? 'authentic' : 'chain-only'
}
