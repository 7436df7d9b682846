// The vectors that `attest` is tested on without anybody's hardware: equal tables give equal bytes.
import { encodeHex } from '@cloister/codec'
import { vectors } from './vector-table.ts'
import { machineSeed, now, sampleRequest, testManufacturer, underscored } from './verifier.ts'

/** Where the vectors are kept. */
export const vectorFolder = '../../attest/test/vectors/emulator'

/** Every file of vectors by its name: its whole text. */
export function vectorFiles(): Readonly<Record<'collateral.json' | 'quotes.json', string>> {
  const manufacturer = testManufacturer()
  const quotes = vectors.map(
    ({ name, platform: options, request, verifyAfter = 60, expected }, index) => {
      // Each vector is a machine of its own: revoking one must not touch the others.
      const machine = machineSeed(index + 1)
      const platform = manufacturer.createPlatform({ machineSeed: machine, ...options })
      return {
        name,
        verifyAt: now + verifyAfter,
        ppid: encodeHex(platform.ppid),
        expected,
        quote: encodeHex(platform.quote(sampleRequest(request))),
      }
    },
  )
  const { anchorSpkiSha256 } = manufacturer
  return {
    'collateral.json': write(underscored(manufacturer.collateral())),
    'quotes.json': write({ anchorSpkiSha256, issuedAt: now, quotes }),
  }
}

function write(content: unknown): string {
  return `${JSON.stringify(content, null, 2)}\n`
}
