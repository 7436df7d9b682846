import { insecureDevnetAnchor } from '@cloister/attest'
import { encodeUtf8, type Bytes } from '@cloister/codec'
import { createNitroCloud, type NitroEnclave } from '@cloister/emulator'
import { emulatedNow, emulatorSeed } from './emulated-world.ts'
import type { Base } from './case.ts'

const cloud = createNitroCloud(emulatorSeed)

/** An enclave of the emulated cloud, and what its documents are judged by. */
export function createNitroEnclave(debug = false): {
  readonly enclave: NitroEnclave
  readonly given: Base['given']
} {
  const enclave = cloud.startEnclave({ enclaveSeed: new Uint8Array(16).fill(0x4e), debug })
  return {
    enclave,
    given: {
      collateral: {},
      anchors: [insecureDevnetAnchor(cloud.anchorSpkiSha256)],
      now: emulatedNow,
    },
  }
}

/** What a document is asked to carry. */
export const nitroRequest = {
  now: emulatedNow,
  userData: encodeUtf8('user data'),
  nonce: new Uint8Array(20).fill(0x17),
  publicKey: new Uint8Array(97).fill(4),
} as const

/** Documents in every form that hypervisors write. */
export function nitroBases(): readonly Base[] {
  const { enclave, given } = createNitroEnclave()
  const base = (name: string, document: Bytes): Base => ({
    name: `emulated nitro ${name}`,
    evidence: { tee: 'aws-nitro', document },
    given,
  })
  const debug = createNitroEnclave(true).enclave
  return [
    base('indefinite', enclave.document(nitroRequest)),
    base('definite', enclave.document({ ...nitroRequest, form: 'definite', envelope: 'tagged' })),
    base('bare', enclave.document({ now: emulatedNow })),
    base('debug', debug.document(nitroRequest)),
  ]
}
