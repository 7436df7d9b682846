// Writes the vectors that `attest` is tested on without anybody's hardware. Run it by hand, when the
// table changes: equal tables give equal bytes.
//
//   node packages/emulator/test/write-vectors.ts
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encodeHex } from '@cloister/codec'
import { vectors } from './vector-table.ts'
import { machineSeed, now, sampleRequest, testManufacturer, underscored } from './verifier.ts'

const folder = join(import.meta.dirname, '../../attest/test/vectors/emulator')
const manufacturer = testManufacturer()

const quotes = vectors.map(({ name, platform: options, request, verifyAfter = 60, expected }) => {
  // Each vector is a machine of its own: revoking one must not touch the others.
  const machine = machineSeed(vectors.findIndex((vector) => vector.name === name) + 1)
  const platform = manufacturer.createPlatform({ machineSeed: machine, ...options })
  return {
    name,
    verifyAt: now + verifyAfter,
    ppid: encodeHex(platform.ppid),
    expected,
    quote: encodeHex(platform.quote(sampleRequest(request))),
  }
})

mkdirSync(folder, { recursive: true })
write('collateral.json', underscored(manufacturer.collateral()))
write('quotes.json', { anchorSpkiSha256: manufacturer.anchorSpkiSha256, issuedAt: now, quotes })

function write(name: string, content: unknown): void {
  writeFileSync(join(folder, name), `${JSON.stringify(content, null, 2)}\n`)
}
