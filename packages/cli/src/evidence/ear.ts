import {
  createEar,
  earSigner,
  isAccepted,
  signEar,
  verifyEar,
  type EarInput,
  type Evidence,
} from '@cloister/attest'
import { concatBytes, MalformedError, type Bytes } from '@cloister/codec'

import type { Answer, Given, OptionSpec, Run } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'
import { readText } from '../files.ts'
import { usageError } from '../usage-error.ts'
import { wholeNumber } from '../values.ts'
import { readPrivateKey, readPublicKey } from './ear-key.ts'
import { judgeNamed, judgeOptions, nowOf, type Judged } from './judge.ts'
import { challengeOf, judgeSessionNamed, sessionSetOptions } from './judge-session.ts'

/** Options of `cloister evidence ear`. */
export const earOptions: readonly OptionSpec[] = [
  ...judgeOptions,
  {
    flags: '--key <FILE>',
    about: 'who signs: a private JWK on P-256 or Ed25519, in a file of mode 600; ear-key makes one',
    required: true,
  },
  {
    flags: '--developer <TEXT>',
    about: 'who is responsible for this verifier; cloister unless said',
  },
  { flags: '--nonce <TEXT>', about: 'what the reader expects, 8 to 88 characters' },
  {
    flags: '--challenge <HEX>',
    about: 'judge as a session: what the verifier sent, 32 bytes; needed with --gpu and --vtpm',
  },
  {
    flags: '--gpu <PATH>',
    about: 'a GPU or switch, or a folder of several, as gpu-0 and on; may be given again',
    many: true,
  },
  ...sessionSetOptions,
]

/** Options of `cloister evidence ear-verify`. */
export const earVerifyOptions: readonly OptionSpec[] = [
  {
    flags: '--key <FILE>',
    about: "the signer's public JWK, as ear-key --public writes it",
    required: true,
  },
  { flags: '--at <TIME>', about: 'judge as of this time; now unless said' },
  { flags: '--max-age <SECONDS>', about: 'how old it may be; 300 unless said' },
  { flags: '--nonce <TEXT>', about: 'what has to stand in it; any unless said' },
]

/** `cloister evidence ear`: judges evidence and signs what came out as an attestation result. */
export async function earAnswer(given: Given, run: Run): Promise<Answer> {
  const key = await readPrivateKey(given.needed('key'))
  const nonce = given.read('nonce', nonceOf)
  const developer = given.read('developer', developerOf) ?? 'cloister'
  const { accepted, appraisals } = await judgeForEar(given, run)
  const claims = await createEar({
    appraisals,
    verifier: { developer, build: 'cloister-cli 0.1.0' },
    now: nowOf(given),
    ...(nonce !== undefined && { nonce }),
  })
  const jwt = await signEar(claims, earSigner(key))
  return {
    schema: 'cloister.evidence.ear/1',
    value: { accepted, jwt, claims },
    text: jwt,
    exit: accepted ? exitCodes.ok : exitCodes.refused,
  }
}

type ForEar = {
  readonly accepted: boolean
  readonly appraisals: Readonly<Record<string, EarInput>>
}

/** One piece of evidence alone, or a session: several that nothing holds together are never one result. */
async function judgeForEar(given: Given, run: Run): Promise<ForEar> {
  const challenge = given.read('challenge', challengeOf)
  const devices = given.texts('gpu')
  if (challenge === undefined) {
    const extra = ['vtpm', 'expect'].find((name) => given.text(name) !== undefined)
    const named = devices.length > 0 ? 'gpu' : extra
    if (named !== undefined)
      throw usageError(
        `Cannot use --${named} without --challenge: only a session shows that it belongs to this CPU; give the 32 bytes that were sent for it, or sign a result for each piece of evidence`,
      )
    const judged = await judgeNamed(given, run)
    return { accepted: isAccepted(judged.appraisal), appraisals: { cpu: inputOf(judged) } }
  }
  const { accepted, parts, reasons } = await judgeSessionNamed(given, run, { devices, challenge })
  const appraisals = parts.map(({ name, judged }, index) => {
    const against = reasons.filter((reason) => reason.parts.includes(name))
    const sessionReasons = against.map(({ code }) => code)
    const submod = name === 'cpu' || name === 'vtpm' ? name : `gpu-${index - 1}`
    return [submod, { ...inputOf(judged), sessionReasons }] as const
  })
  return { accepted, appraisals: Object.fromEntries(appraisals) }
}

/** How old an attestation result may be where nobody says it. */
const ageSecondsUsual = 300

/** `cloister evidence ear-verify`: whether an attestation result is its signer's, and what it says. */
export async function earVerifyAnswer(given: Given, run: Run): Promise<Answer> {
  const key = await readPublicKey(given.needed('key'), run)
  const token = readText(given.argument(0), { what: 'EAR', bytesMax: 1 << 20 }).trim()
  const verified = await verifyEar(token, key, {
    now: nowOf(given),
    ageSecondsMax: given.read('maxAge', wholeNumber(0, 2 ** 31)) ?? ageSecondsUsual,
    nonce: given.read('nonce', nonceOf) ?? 'any',
  })
  return {
    schema: 'cloister.evidence.ear-verify/1',
    value: { ...verified },
    text: verified.valid
      ? JSON.stringify(verified.ear, null, 2)
      : `Not to be believed: ${verified.fault} (${verified.where})`,
    exit: verified.valid ? exitCodes.ok : exitCodes.refused,
  }
}

function inputOf({ evidence, appraisal, given }: Judged): EarInput {
  return { appraisal, ...(evidence && { evidence: bytesOf(evidence) }), policy: given.policy }
}

/** What the device signed; for a TPM, whose quote does not hold its signature, that too. */
function bytesOf(evidence: Evidence): Bytes {
  if ('signature' in evidence) return concatBytes(evidence.quote, evidence.signature)
  if ('quote' in evidence) return evidence.quote
  if ('report' in evidence) return evidence.report
  if ('measurements' in evidence) return evidence.measurements
  return 'document' in evidence ? evidence.document : evidence.token
}

function nonceOf(text: string): string {
  return textOf(text, 'nonce', 8, 88)
}

function developerOf(text: string): string {
  return textOf(text, 'developer', 1, 200)
}

function textOf(text: string, what: string, min: number, max: number): string {
  if (text.length >= min && text.length <= max) return text
  throw new MalformedError(what, 0, `got ${text.length} characters, expected ${min} to ${max}`)
}
