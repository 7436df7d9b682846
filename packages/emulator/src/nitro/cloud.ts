import { assert, encodeHex, unixSeconds, type Bytes, type UnixSeconds } from '@cloister/codec'
import { subjectPublicKeyInfo } from '../certificate.ts'
import { signCose } from '../cose.ts'
import { deriveBytes, deriveSigningKey, sha256 } from '../signing-key.ts'
import {
  certifyEnclave,
  certifyInstance,
  createNitroAuthority,
  type NitroAuthority,
  type NitroValidity,
} from './authority.ts'
import { encodeDocument, type DocumentForm } from './document.ts'

/** A cloud that starts emulated Nitro enclaves. Its evidence proves nothing about hardware. */
export type NitroCloud = {
  /** SHA-256 of the root's SubjectPublicKeyInfo, hexadecimal: what a development anchor pins. */
  readonly anchorSpkiSha256: string
  readonly rootDer: Bytes
  /** Starts an enclave: equal seeds, equal enclave. */
  startEnclave(options: EnclaveOptions): NitroEnclave
}

/** What can be chosen about an enclave. */
export type EnclaveOptions = {
  /** At least 16 bytes. */
  readonly enclaveSeed: Bytes
  /** Values by index, beside and before those that follow from the seed: 0 to 2 and 4. */
  readonly pcrs?: ReadonlyMap<number, Bytes>
  /** Started with a console: the hypervisor reports zeros for PCR0 to PCR2. */
  readonly debug?: boolean
}

/** A running enclave. */
export type NitroEnclave = {
  readonly moduleId: string
  /** An attestation document as of `now`. */
  document(request: DocumentRequest): Bytes
  /** Signs any bytes as the payload of a document, well-formed or not. */
  signPayload(payload: Bytes, form?: 'tagged' | 'untagged'): Bytes
}

/** What an enclave asks its hypervisor for, and what a test asks besides. */
export type DocumentRequest = {
  readonly now: UnixSeconds
  readonly userData?: Bytes
  readonly nonce?: Bytes
  readonly publicKey?: Bytes
  readonly form?: DocumentForm
  readonly envelope?: 'tagged' | 'untagged'
  /** How many seconds ago the signer's certificate was issued; after three hours it has expired. */
  readonly certificateAgeSeconds?: number
  readonly validity?: NitroValidity
  /** Signed by another enclave's key. */
  readonly wrongKey?: boolean
}

const pcrBytes = 48
const pcrCount = 16

/** Opens a cloud. Keys, names, serial numbers, measurements and signatures follow from the 32-byte seed. */
export function createNitroCloud(seed: Bytes): NitroCloud {
  assert(seed.length === 32, `a cloud's seed has 32 bytes, got ${seed.length}`)
  const authority = createNitroAuthority(seed)
  return {
    anchorSpkiSha256: encodeHex(sha256(subjectPublicKeyInfo(authority.rootKey))),
    rootDer: authority.bundle[0],
    startEnclave: (options) => startEnclave(seed, authority, options),
  }
}

function startEnclave(
  seed: Bytes,
  authority: NitroAuthority,
  options: EnclaveOptions,
): NitroEnclave {
  const { enclaveSeed, debug = false } = options
  assert(
    enclaveSeed.length >= 16,
    `an enclave's seed has 16 bytes or more, got ${enclaveSeed.length}`,
  )
  const label = `nitro/enclave/${encodeHex(enclaveSeed)}`
  const instanceId = `i-0${encodeHex(deriveBytes(seed, `${label}/instance`, 8))}`
  const moduleId = `${instanceId}-enc0${encodeHex(deriveBytes(seed, `${label}/enclave`, 8))}`
  const instance = certifyInstance(seed, instanceId, authority.zone)
  const key = deriveSigningKey(seed, `${label}/key`, 'P-384')
  const pcrs = new Map([...derivedPcrs(seed, label, debug), ...(options.pcrs ?? [])])
  return {
    moduleId,
    document({ now, form, envelope, certificateAgeSeconds = 1, validity, wrongKey, ...data }) {
      const issuedAt = unixSeconds(now - certificateAgeSeconds)
      const content = {
        moduleId,
        timestampMilliseconds: now * 1000,
        pcrs,
        certificate: certifyEnclave(moduleId, key, issuedAt, instance.issuer),
        cabundle:
          validity === undefined
            ? [...authority.bundle, instance.der]
            : [
                ...authority.bundleOf(validity),
                certifyInstance(seed, instanceId, authority.zone, validity.instance).der,
              ],
        ...data,
      }
      const signer = wrongKey === true ? deriveSigningKey(seed, 'nitro/stranger', 'P-384') : key
      return signCose(encodeDocument(content, form ?? 'indefinite'), signer, envelope ?? 'untagged')
    },
    signPayload: (payload, form = 'untagged') => signCose(payload, key, form),
  }
}

/** Image, kernel, application and instance; nothing else is set. */
function derivedPcrs(seed: Bytes, label: string, debug: boolean): ReadonlyMap<number, Bytes> {
  const set = debug ? [4] : [0, 1, 2, 4]
  return new Map(
    Array.from({ length: pcrCount }, (_, index) => [
      index,
      set.includes(index)
        ? deriveBytes(seed, `${label}/pcr/${index}`, pcrBytes)
        : new Uint8Array(pcrBytes),
    ]),
  )
}
