import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { productionAnchor } from '@cloister/attest'
import { unixSeconds, type Bytes, type UnixSeconds } from '@cloister/codec'
import { evidenceRoot } from './evidence.ts'

/** AWS's root. */
export const aws = [productionAnchor('aws-nitro-root-g1')]

/** What `expected.json` says of a document. */
export type NitroSample = {
  readonly document: Bytes
  readonly now: UnixSeconds
  readonly expected: {
    readonly authentic: boolean
    readonly reject: string | null
    readonly debugMode: boolean
    readonly validWindow: readonly [string, string]
  }
  readonly fields: {
    readonly protectedHeader: Readonly<Record<string, number>>
    readonly moduleId: string
    readonly digest: string
    readonly timestamp: number
    readonly pcrs: Readonly<Record<string, string>>
    readonly userData: string | null
    readonly nonce: string | null
    readonly publicKey: string | null
    readonly chain: readonly string[]
    readonly leafValidity: readonly [string, string]
    readonly cabundleOrder: string
  }
}

/** Reads a sample. */
export function readNitroSample(name: string): NitroSample {
  const folder = join(evidenceRoot, 'nitro', name)
  const { verifyAtEpoch, expected, fields } = JSON.parse(
    readFileSync(join(folder, 'expected.json'), 'utf8'),
  )
  const document = new Uint8Array(readFileSync(join(folder, 'attestation_doc.cose')))
  return { document, now: unixSeconds(verifyAtEpoch), expected, fields }
}
