import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Collateral } from '@cloister/attest'
import type { Bytes } from '@cloister/codec'
import { deviceKeysOf } from '../src/device-key.ts'
import { evidenceRoot } from './evidence.ts'

/** What `expected.json` says of a token, and the key that lies beside it. */
export type ArmSample = {
  readonly token: Bytes
  readonly collateral: Collateral
  readonly expected: Readonly<Record<string, unknown>> & {
    readonly authentic: boolean
    readonly reject: string | null
    readonly lifecycle: string
  }
  readonly fields: Readonly<Record<string, unknown>>
}

/** Reads a sample. */
export function readArmSample(name: string): ArmSample {
  const folder = join(evidenceRoot, name)
  const { expected, fields } = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8'))
  const keys = ['cpak.jwk.json', 'iak.jwk.json'].map((file) => join(folder, file))
  const found = keys.find((path) => existsSync(path))
  return {
    token: new Uint8Array(readFileSync(join(folder, 'token.cbor'))),
    collateral: found ? { deviceKeys: deviceKeysOf(JSON.parse(readFileSync(found, 'utf8'))) } : {},
    expected,
    fields,
  }
}
