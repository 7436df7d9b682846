import {
  createEar,
  earSigner,
  isAccepted,
  signEar,
  verifyEar,
  type EarInput,
  type EarKey,
  type Evidence,
} from '@cloister/attest'
import { MalformedError, OperationError, parseJson, type Bytes, type Json } from '@cloister/codec'

import type { Answer, Given, OptionSpec, Run } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'
import { readInput, readText } from '../files.ts'
import { judgeOptions, judgePath, nowOf, type Judged } from './judge.ts'

/** Options of `cloister evidence ear`. */
export const earOptions: readonly OptionSpec[] = [
  ...judgeOptions,
  { flags: '--gpu <PATH>', about: 'evidence of a GPU or switch, as gpu-0 and on', many: true },
  { flags: '--vtpm <PATH>', about: "a TPM's quote" },
  {
    flags: '--key <FILE>',
    about: 'who signs: a private JWK on P-256 or Ed25519, in a file of mode 600',
    required: true,
  },
  { flags: '--nonce <TEXT>', about: 'what the reader expects, 8 to 88 characters' },
]

/** Options of `cloister evidence ear-verify`. */
export const earVerifyOptions: readonly OptionSpec[] = [
  { flags: '--key <FILE>', about: "the signer's public JWK", required: true },
  { flags: '--at <TIME>', about: 'judge as of this time; now unless said' },
  { flags: '--nonce <TEXT>', about: 'what has to stand in it; any unless said' },
]

/** `cloister evidence ear`: judges evidence and signs what came out as an attestation result. */
export async function earAnswer(given: Given, run: Run): Promise<Answer> {
  const key = await readKey(given.needed('key'), 'private')
  const nonce = given.read('nonce', nonceOf)
  const vtpm = given.text('vtpm')
  const paths: readonly (readonly [string, string])[] = [
    ['cpu', given.argument(0)],
    ...given.texts('gpu').map((path, index) => [`gpu-${index}`, path] as const),
    ...(vtpm === undefined ? [] : [['vtpm', vtpm] as const]),
  ]
  const judged: (readonly [string, Judged])[] = []
  for (const [name, path] of paths) judged.push([name, await judgePath(path, given, run)])
  const claims = await createEar({
    appraisals: Object.fromEntries(judged.map(([name, each]) => [name, inputOf(each)])),
    verifier: { developer: 'https://cloister.invalid', build: 'cloister-cli 0.1.0' },
    now: nowOf(given),
    ...(nonce !== undefined && { nonce }),
  })
  const jwt = await signEar(claims, earSigner(key))
  const accepted = judged.every(([, { appraisal }]) => isAccepted(appraisal))
  return {
    schema: 'cloister.evidence.ear/1',
    value: { accepted, jwt, claims },
    text: jwt,
    exit: accepted ? exitCodes.ok : exitCodes.refused,
  }
}

/** `cloister evidence ear-verify`: whether an attestation result is its signer's, and what it says. */
export async function earVerifyAnswer(given: Given): Promise<Answer> {
  const key = await readKey(given.needed('key'), 'public')
  const token = readText(given.argument(0), { what: 'EAR', bytesMax: 1 << 20 }).trim()
  const verified = await verifyEar(token, key, {
    now: nowOf(given),
    ageSecondsMax: Number.MAX_SAFE_INTEGER,
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
  return {
    appraisal,
    evidence: evidence ? bytesOf(evidence) : new Uint8Array(0),
    policy: given.policy,
  }
}

/** What the device signed. */
function bytesOf(evidence: Evidence): Bytes {
  if ('quote' in evidence) return evidence.quote
  if ('report' in evidence) return evidence.report
  if ('measurements' in evidence) return evidence.measurements
  return 'document' in evidence ? evidence.document : evidence.token
}

function nonceOf(text: string): string {
  if (text.length >= 8 && text.length <= 88) return text
  throw new MalformedError('nonce', 0, `got ${text.length} characters, expected 8 to 88`)
}

async function readKey(path: string, kind: 'private' | 'public'): Promise<EarKey> {
  const secret = kind === 'private' ? ({ secret: true } as const) : {}
  const bytes = readInput(path, { what: `${kind} key`, bytesMax: 1 << 16, ...secret })
  const members = membersOf(parseJson(new TextDecoder().decode(bytes), 'key', keyLimits))
  const text = (name: string): string => {
    const member = members.get(name)
    return typeof member === 'string' ? member : ''
  }
  const isEdwards = text('kty') === 'OKP'
  const jwk = {
    kty: text('kty'),
    crv: text('crv'),
    x: text('x'),
    ...(isEdwards ? {} : { y: text('y') }),
    ...(kind === 'private' && { d: text('d') }),
  }
  const algorithm = isEdwards ? { name: 'Ed25519' } : { name: 'ECDSA', namedCurve: 'P-256' }
  try {
    const usage = kind === 'private' ? 'sign' : 'verify'
    return await crypto.subtle.importKey('jwk', jwk, algorithm, false, [usage])
  } catch (cause) {
    throw new OperationError(
      'key-file-malformed',
      `Cannot use the ${kind} key ${path}: expected a ${kind} JWK on P-256 (EC) or Ed25519 (OKP)`,
      { cause },
    )
  }
}

const keyLimits = { charactersMax: 1 << 16, depthMax: 4 }

function membersOf(value: Json): ReadonlyMap<string, Json> {
  return new Map(typeof value === 'object' && value !== null ? Object.entries(value) : [])
}
