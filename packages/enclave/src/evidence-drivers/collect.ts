import type { Bytes } from '@cloister/codec'

import { collectError } from './collect-error.ts'
import { createConfigfsTsmDriver } from './configfs-tsm.ts'
import { detectDrivers, type DetectOptions } from './detect.ts'
import type { Collected, DriverName, EvidenceDriver } from './driver.ts'
import { createDstackDriver } from './dstack.ts'
import { createGramineDriver } from './gramine.ts'
import { createNsmDriver } from './nsm.ts'
import { createNvattestDriver } from './nvattest.ts'
import { createSevGuestDriver } from './sev-guest.ts'
import { createTpmDriver } from './tpm.ts'

/** What evidence is to be collected. */
export type CollectOptions = {
  /** `auto`: the first CPU driver that is present; devices beside the CPU are asked for by name. */
  readonly driver: DriverName | 'auto'
  readonly reportData: Bytes
  readonly signal?: AbortSignal
  /** Where `auto` looks. */
  readonly detect?: DetectOptions
}

/** What was collected, and by which driver. */
export type Collection = {
  readonly driver: DriverName
  /** One per device, at least one. */
  readonly collected: readonly Collected[]
}

/** Drivers by name, with nothing chosen. A TPM then signs with a new key, which no anchor can name beforehand. */
const drivers: ReadonlyMap<DriverName, () => EvidenceDriver> = new Map([
  ['gramine', () => createGramineDriver()],
  ['configfs-tsm', () => createConfigfsTsmDriver()],
  ['dstack', () => createDstackDriver()],
  ['sev-guest', () => createSevGuestDriver()],
  ['nsm', () => createNsmDriver()],
  ['tpm', () => createTpmDriver()],
  ['nvidia-gpu', () => createNvattestDriver({ device: 'gpu' })],
  ['nvidia-nvswitch', () => createNvattestDriver({ device: 'nvswitch' })],
])

const automatic: readonly DriverName[] = ['gramine', 'configfs-tsm', 'dstack', 'sev-guest', 'nsm']

/**
 * Collects evidence on this machine over `reportData`.
 *
 * @throws {OperationError} with one of `collectErrorCodes`.
 */
export async function collectEvidence(options: CollectOptions): Promise<Collection> {
  const { reportData, signal } = options
  const driver = options.driver === 'auto' ? await chooseDriver(options.detect) : options.driver
  const create = drivers.get(driver)
  if (create === undefined)
    throw collectError('evidence-unavailable', `there is no driver ${driver} here`)
  const collected = await create().collect({
    reportData,
    ...(signal !== undefined && { signal }),
  })
  return { driver, collected }
}

async function chooseDriver(detect: DetectOptions | undefined): Promise<DriverName> {
  const detected = (await detectDrivers(detect)).filter(({ name }) => automatic.includes(name))
  const present = detected.find(({ presence }) => presence === 'present')
  if (present !== undefined) return present.name
  const denied = detected.find(({ presence }) => presence === 'denied')
  if (denied !== undefined)
    throw collectError(
      'evidence-denied',
      `${denied.path} is there, and this user may not use it; run as root`,
    )
  throw collectError(
    'evidence-unavailable',
    `found none of ${detected.map(({ path }) => path).join(', ')}; run inside a trusted domain, or name a driver`,
  )
}
