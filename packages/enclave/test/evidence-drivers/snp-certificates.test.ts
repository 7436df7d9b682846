import { encodeBase64, encodeHex, type Bytes } from '@cloister/codec'
import { snpProvider, TsmReports } from '@cloister/emulator'
import { describe, expect, test } from 'vitest'
import { createConfigfsTsmDriver } from '../../src/evidence-drivers/configfs-tsm.ts'
import { guids, tableOf } from './certificate-table.ts'
import { bytesFrom, ways } from './stand-in.ts'

const { vcek, vlek, ask, ark, crl } = guids
const unknown = '11111111-2222-3333-4444-555555555555'

const pem = (content: Bytes) =>
  `-----BEGIN CERTIFICATE-----\n${encodeBase64(content)}\n-----END CERTIFICATE-----\n`

const [one, two, three, four] = [10, 20, 30, 40].map((first) => bytesFrom(first, 20))
const reportData = bytesFrom(1)

describe.for(ways)('certificates of an SNP host $name', ({ show }) => {
  async function collect(auxblob: Bytes | undefined, signerInfo = 0) {
    const provider = snpProvider(({ inblob }) => {
      const outblob = new Uint8Array(1184)
      outblob[0x48] = signerInfo
      outblob.set(inblob, 0x50)
      return auxblob === undefined ? { outblob } : { outblob, auxblob }
    })
    const driver = createConfigfsTsmDriver(await show(new TsmReports({ provider })))
    const [collected] = await driver.collect({ reportData })
    expect(collected?.evidence.tee).toBe('sev-snp')
    return collected
  }

  test('the leaf, then AMD’s own, then the list, in whatever order the host has them', async () => {
    const collected = await collect(
      tableOf([
        [crl, four!],
        [ark, three!],
        [unknown, one!],
        [ask, two!],
        [vcek, one!],
      ]),
    )
    expect(collected?.collateral).toEqual({
      amd: { certificateChain: pem(one!) + pem(two!) + pem(three!), crl: encodeHex(four!) },
    })
  })

  test('beside a report that a VLEK signed the ASK is left out, since it certifies VCEKs', async () => {
    const table = tableOf([
      [vcek, one!],
      [vlek, four!],
      [ask, two!],
      [ark, three!],
    ])
    expect((await collect(table, 1 << 2))?.collateral?.amd?.certificateChain).toBe(pem(four!))
    expect((await collect(table))?.collateral?.amd?.certificateChain).toBe(
      pem(one!) + pem(two!) + pem(three!),
    )
  })

  test.for([
    ['no file', undefined],
    ['an empty file', new Uint8Array(0)],
    ['zeros', new Uint8Array(4096)],
    ['no leaf', tableOf([[ask, bytesFrom(1)]])],
    [
      'GUIDs in Microsoft’s order',
      tableOf([['8d75da63-64e6-6445-adc5-f4b93be8accd', bytesFrom(1)]]),
    ],
  ] as const)('%s is no certificates', async ([, table]) => {
    expect(Object.keys((await collect(table)) ?? {})).toEqual(['evidence'])
  })

  test.for([
    ['an entry past the end', overlong(), 'bytes 48 to 5048 of a table of 4096'],
    ['no end', new Uint8Array(40).fill(1), 'certificate table'],
    [
      'a second leaf',
      tableOf([
        [vcek, bytesFrom(1)],
        [vcek, bytesFrom(2)],
      ]),
      'a second vcek',
    ],
    [
      'entries without number',
      new Uint8Array(24 * 40).fill(0).fill(7, 0, 1).map(noEnd),
      '32 entries',
    ],
  ] as const)('%s costs the certificates, not the report', async ([, table, why]) => {
    const collected = await collect(table)
    expect(collected).not.toHaveProperty('collateral')
    expect(collected?.warning).toContain(why)
  })
})

function overlong(): Bytes {
  const table = tableOf([[vcek, bytesFrom(1)]])
  new DataView(table.buffer).setUint32(20, 5000, true)
  return table
}

/** A GUID of ones in each entry, offset and length 0. */
function noEnd(_: number, index: number): number {
  return index % 24 < 16 ? 1 : 0
}
