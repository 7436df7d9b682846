import { checkPrimeSync, X509Certificate } from 'node:crypto'
import { expect, test } from 'vitest'
import { derivePrime, searchStep, stepName } from '../src/snp/prime.ts'
import { knownSteps } from '../src/snp/prime-steps.ts'
import { createSnpManufacturer } from '../src/snp/manufacturer.ts'
import { machine, manufacturer, now } from './snp-machine.ts'

const seed = new Uint8Array(32).fill(0x5e)
const label = 'snp/Genoa/ark/p'

test('a known end of a search is where the search ends', () => {
  expect(knownSteps[stepName(seed, label)]).toBe(searchStep(seed, label))
}, 20_000)

test('a prime follows from seed and label, and has 2048 bits', () => {
  const prime = derivePrime(seed, label)
  expect(prime).toBe(derivePrime(seed, label))
  expect(prime).not.toBe(derivePrime(seed, 'snp/Genoa/ark/q'))
  expect(prime.toString(16)).toMatch(/^[cdef][0-9a-f]{511}$/)
  expect(checkPrimeSync(prime)).toBe(true)
})

test('every authority is an RSA key of 4096 bits that follows from the seed, and signs', () => {
  const again = createSnpManufacturer({ seed, now })
  for (const line of ['Milan', 'Genoa', 'Turin'] as const) {
    const root = new X509Certificate(manufacturer.rootDer(line))
    expect(root.verify(root.publicKey)).toBe(true)
    expect(root.subject).toContain('insecure development root')
    expect(again.anchorSpkiSha256(line)).toBe(manufacturer.anchorSpkiSha256(line))
    for (const signingKey of ['VCEK', 'VLEK'] as const) {
      const authority = new X509Certificate(manufacturer.certificateChain(line, signingKey))
      expect(authority.verify(root.publicKey)).toBe(true)
      const leaf = new X509Certificate(machine({ line, signingKey }).certificate())
      expect(leaf.verify(authority.publicKey)).toBe(true)
      for (const { publicKey } of [root, authority])
        expect(publicKey.asymmetricKeyDetails).toMatchObject({
          modulusLength: 4096,
          publicExponent: 65_537n,
        })
    }
  }
})
