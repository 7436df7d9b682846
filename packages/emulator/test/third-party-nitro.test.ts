import { createHash } from 'node:crypto'

import { encodeBase64, unixSeconds, type Bytes } from '@cloister/codec'
import { expect, test } from 'vitest'

import { createNitroCloud } from '../src/index.ts'

// The third-party verifier is made for web pages: it asks the window for WebCrypto.
Object.assign(globalThis, { window: globalThis })
const { SignedAttestation } = await import('@0xsequence/tee-verifier')

const now = unixSeconds(1_790_000_000)
const cloud = createNitroCloud(new Uint8Array(32).fill(5))
const enclave = cloud.startEnclave({ enclaveSeed: new Uint8Array(16) })
const asked = { now, userData: new Uint8Array(64).fill(6), nonce: new Uint8Array(32).fill(7) }
const publicKey = new Uint8Array(32).fill(8)

/** What an unmodified verifier says: the chain at a time, the signature, and which root it ends at. */
async function verdict(document: Bytes, at: number) {
  const read = SignedAttestation.fromDocument(encodeBase64(document))
  return {
    chain: await read.verifyRootOfTrust(new Date(at * 1000)).catch(() => false),
    signature: await read.verifySignature().catch(() => false),
    root: await read.rootCertFingerprint(),
  }
}

test('an unmodified third-party verifier accepts a document, and names our root', async () => {
  const said = await verdict(enclave.document({ ...asked, publicKey }), now)
  const root = createHash('sha256').update(cloud.rootDer).digest('hex')
  expect({ ...said, root: said.root.toLowerCase().replaceAll(':', '') }).toEqual({
    chain: true,
    signature: true,
    root,
  })
})

test('it refuses one with a flipped bit, and one whose certificate has ended', async () => {
  const document = enclave.document({ ...asked, publicKey })
  const flipped = document.slice()
  flipped[flipped.length - 1]! ^= 1
  expect(await verdict(flipped, now)).toMatchObject({ chain: true, signature: false })
  expect(await verdict(document, now + 86_400)).toMatchObject({ chain: false })
})
