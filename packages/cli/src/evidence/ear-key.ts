import { generateKeyPairSync, type JsonWebKey } from 'node:crypto'
import { existsSync, rmSync } from 'node:fs'

import type { EarKey } from '@cloister/attest'
import { MalformedError, OperationError, parseJson, parseUtf8, type Json } from '@cloister/codec'

import type { Answer, Given, OptionSpec, Run } from '../command.ts'
import { readInput, writeOutput } from '../files.ts'
import { outOption } from '../output-options.ts'
import { usageError } from '../usage-error.ts'

/** Options of `cloister evidence ear-key`. */
export const earKeyOptions: readonly OptionSpec[] = [
  outOption('the private key (JWK) that ear --key signs with: a new file of mode 600'),
  {
    flags: '--public <FILE>',
    about:
      'its public half (JWK) for ear-verify --key: a new file, for everybody who reads results',
    required: true,
  },
  {
    flags: '--type <TYPE>',
    about: 'p256 (ES256) unless said, or ed25519 (EdDSA)',
    choices: ['p256', 'ed25519'],
  },
]

/** `cloister evidence ear-key`: makes a key that signs attestation results. */
export async function earKeyAnswer(given: Given): Promise<Answer> {
  const [path, publicPath] = [given.needed('out'), given.needed('public')]
  const rule = { what: 'private key', force: false }
  const publicRule = { what: 'public key', force: false }
  if (path === publicPath)
    throw usageError('Cannot write both keys to one file: name another with --public')
  refuseKept(path, rule.what)
  refuseKept(publicPath, publicRule.what)
  const type = given.text('type') ?? 'p256'
  const { privateKey } =
    type === 'ed25519'
      ? generateKeyPairSync('ed25519')
      : generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { d, ...known } = privateKey.export({ format: 'jwk' })
  writeOutput(path, textOf({ ...known, ...(d !== undefined && { d }) }), rule)
  try {
    writeOutput(publicPath, textOf(known), publicRule)
  } catch (error) {
    rmSync(path, { force: true }) // Half a pair would stand in the way of the next attempt.
    throw error
  }
  return {
    schema: 'cloister.evidence.ear-key/1',
    value: { type, path, publicPath },
    text: `${path}: private key, keep it secret\n${publicPath}: public key, for ear-verify --key`,
  }
}

/** A key is never written over: what it has signed could not be verified any more. */
function refuseKept(path: string, what: string): void {
  if (!existsSync(path)) return
  throw new OperationError(
    'file-exists',
    `Cannot write the ${what} ${path}: there is one already; choose another path`,
  )
}

function textOf(jwk: JsonWebKey): string {
  return `${JSON.stringify(jwk, null, 2)}\n`
}

/**
 * Reads the private key that signs attestation results.
 *
 * @throws {OperationError} `key-file-malformed`, and as {@link readInput}.
 */
export function readPrivateKey(path: string): Promise<EarKey> {
  const bytes = readInput(path, { what: 'private key', bytesMax: keyBytesMax, secret: true })
  return importKey(path, membersOf(path, bytes, 'private'), 'private')
}

/**
 * Reads the public key that attestation results are verified with. Of a private key, which has no business with those
 * who verify, only the public half is used, and that is said.
 *
 * @throws {OperationError} `key-file-malformed`, and as {@link readInput}.
 */
export function readPublicKey(path: string, run: Run): Promise<EarKey> {
  const bytes = readInput(path, { what: 'public key', bytesMax: keyBytesMax })
  const members = membersOf(path, bytes, 'public')
  if (members.has('d'))
    run.say(
      `${path} is a private key: only its public half is used; keep it with the signer alone, and give readers the file of ear-key --public, or this one without its member "d"`,
    )
  return importKey(path, members, 'public')
}

const keyBytesMax = 1 << 16
const keyLimits = { charactersMax: keyBytesMax, depthMax: 4 }

type Kind = 'private' | 'public'

function membersOf(path: string, bytes: Uint8Array, kind: Kind): ReadonlyMap<string, Json> {
  try {
    const value = parseJson(parseUtf8(bytes, 'key'), 'key', keyLimits)
    if (typeof value === 'object' && value !== null) return new Map(Object.entries(value))
  } catch (cause) {
    if (!(cause instanceof MalformedError)) throw cause
    throw unusable(path, kind, cause)
  }
  throw unusable(path, kind)
}

async function importKey(
  path: string,
  members: ReadonlyMap<string, Json>,
  kind: Kind,
): Promise<EarKey> {
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
    throw unusable(path, kind, cause)
  }
}

function unusable(path: string, kind: Kind, cause?: unknown): OperationError {
  return new OperationError(
    'key-file-malformed',
    `Cannot use the ${kind} key ${path}: expected a ${kind} JWK (JSON, not PEM) on P-256 (EC) or Ed25519 (OKP); make one with cloister evidence ear-key, or see docs/ear.md`,
    { cause },
  )
}
