import { readFileSync } from 'node:fs'
import { insecureDevnetAnchor, parseCollateral, type Given } from '@cloister/attest'
import { unixSeconds, type Bytes } from '@cloister/codec'
import { anyPolicy } from './evidence.ts'

type Vectors = {
  readonly anchorSpkiSha256: string
  readonly quotes: readonly {
    readonly name: string
    readonly verifyAt: number
    readonly quote: string
  }[]
}

const read = (name: string): string =>
  readFileSync(new URL(`vectors/emulator/${name}`, import.meta.url), 'utf8')

const { anchorSpkiSha256, quotes }: Vectors = JSON.parse(read('quotes.json'))

/** A committed quote by its name, and what it is accepted under. */
export function emulated(name: string): { readonly quote: Bytes; readonly given: Given } {
  const vector = quotes.find((candidate) => candidate.name === name)
  if (vector === undefined) throw new Error(`There is no vector ${name}`)
  return {
    quote: Uint8Array.from(Buffer.from(vector.quote, 'hex')),
    given: {
      collateral: parseCollateral(read('collateral.json')),
      anchors: [insecureDevnetAnchor(anchorSpkiSha256)],
      policy: anyPolicy(),
      now: unixSeconds(vector.verifyAt),
    },
  }
}
