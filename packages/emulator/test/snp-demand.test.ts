// States of SNP machines, certificates and lists that can be asked for, and what is made of each.
import { encodeHex, unixSeconds } from '@cloister/codec'
import { describe, expect, test } from 'vitest'
import { createSnpManufacturer, type SnpCertificateOptions } from '../src/index.ts'
import { judge, machine, manufacturer, now, outcome } from './snp-machine.ts'

const over = { notAfter: unixSeconds(now) }
const notYet = { notBefore: unixSeconds(now + 3600) }

describe.for(['VCEK', 'VLEK'] as const)('with a %s', (signingKey) => {
  const policy = { snp: { allowVlek: true } }

  test.for<[string, SnpCertificateOptions]>([
    ['its certificate expired', over],
    ['its certificate not yet valid', notYet],
    ['its authority expired', { authorityValidity: { authority: over } }],
    ['its authority not yet valid', { authorityValidity: { authority: notYet } }],
    ['its root expired', { authorityValidity: { root: over } }],
    ['its root not yet valid', { authorityValidity: { root: notYet } }],
  ])('%s', async ([, options]) => {
    const platform = machine({ signingKey })
    const list = manufacturer.revocationList('Genoa')
    const judged = (chosen: SnpCertificateOptions): Promise<readonly string[]> =>
      outcome(platform, undefined, { amd: platform.collateral(list, chosen), policy })
    expect(await judged({})).toEqual([])
    expect(await judged(options)).toEqual(['CERT_EXPIRED_OR_NOT_YET_VALID'])
  })

  test('its authority revoked, or the other one', async () => {
    for (const authority of ['ASK', 'ASVK'] as const) {
      const other = createSnpManufacturer({ seed: new Uint8Array(32).fill(0x5e), now })
      other.revoke('Genoa', authority)
      const platform = machine({ signingKey })
      const amd = platform.collateral(other.revocationList('Genoa'))
      const own = (signingKey === 'VCEK') === (authority === 'ASK')
      expect(await outcome(platform, undefined, { amd, policy })).toEqual(
        own ? ['CERT_REVOKED'] : [],
      )
    }
  })
})

test.for(['Milan', 'Genoa', 'Turin'] as const)(
  'a chip of %s has the id that is chosen',
  async (line) => {
    const hardwareId = Uint8Array.from({ length: line === 'Turin' ? 8 : 64 }, (_, index) => index)
    const policy = { allowExtractableKeys: ['Milan'] } as const
    const appraisal = await judge(machine({ line, hardwareId }), undefined, { policy })
    const chipId = new Uint8Array(64)
    chipId.set(hardwareId)
    expect(appraisal).toMatchObject({ claims: { chipId: encodeHex(chipId) }, reasons: [] })
    const list = manufacturer.revocationList(line)
    const swapped = machine({ line }).collateral(list)
    expect(await outcome(machine({ line, hardwareId }), undefined, { amd: swapped })).toEqual([
      'CERT_MISMATCH',
    ])
    expect(() => machine({ line, hardwareId: new Uint8Array(9) })).toThrow('hardware id')
  },
)
