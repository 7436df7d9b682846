import { appraise, type TpmClaims, type TpmEvidence } from '@cloister/attest'
import { encodeUtf8 } from '@cloister/codec'
import { createTpmManufacturer, sampleBoot, type BootEvent } from '@cloister/emulator'
import { expect, test } from 'vitest'
import { anyPolicy } from '../evidence.ts'
import { createTpm, tpmNonce } from './emulated-tpm.ts'
import { emulatorSeed } from './emulated-world.ts'

// PCRs bear out digests, not the types that a log gives to events: whoever writes the log may call them anything.
const ipl = 0xd
const separator = 4
const [off, on] = [false, true].map((secureBoot) => sampleBoot({ secureBoot, kernel: 'kernel' }))
const isSecureBoot = ({ pcr, type }: BootEvent): boolean => pcr === 7 && type !== separator

test('Secure Boot that was off is not claimed to be on, whatever the log calls its events', async () => {
  // What firmware measured with Secure Boot off, then what the operating system added to PCR 7 afterwards.
  const lie = on!.filter(isSecureBoot)
  const told = await bootClaims([...off!, ...lie])
  const hidden = off!.map((event) => (isSecureBoot(event) ? { ...event, type: ipl } : event))
  const retyped = hidden.map((event) => (event.pcr === 7 ? { ...event, type: ipl } : event))
  expect(told).toMatchObject({ secureBoot: false })
  expect(await bootClaims([...hidden, ...lie])).toEqual(told)
  expect(await bootClaims([...retyped, ...lie])).toEqual(told)
})

test.for([
  [0xff, 0xff, 0xff, 0xff],
  [0, 0, 0, 0],
  [1, 0, 0, 0],
])('a separator of %s separates under any name', async (value) => {
  const data = Uint8Array.from(value)
  const boot = [{ pcr: 7, type: ipl, data }, ...on!.filter(isSecureBoot)]
  expect(await bootClaims(boot)).not.toHaveProperty('secureBoot')
})

async function bootClaims(events: readonly BootEvent[]): Promise<TpmClaims['boot']> {
  const tpm = createTpmManufacturer({ seed: emulatorSeed }).createTpm({
    tpmSeed: encodeUtf8('a TPM with a log'),
  })
  tpm.measure(events)
  const { given } = createTpm('rsassa')
  const evidence: TpmEvidence = tpm.evidence({ nonce: tpmNonce })
  const appraisal = await appraise(evidence, { ...given, policy: anyPolicy() })
  if (appraisal.authentic === false) throw new Error(appraisal.where)
  expect(appraisal.claims.boot?.differing).toEqual([])
  return appraisal.claims.boot
}
