import { randomBytes } from 'node:crypto'

import { insecureDevnetAnchor, type DevnetAnchor } from '@cloister/attest'
import { encodeUtf8, MalformedError, unixSeconds } from '@cloister/codec'
import {
  createManufacturer,
  createNitroCloud,
  createSnpManufacturer,
  serveCollateral,
  serveSnpKeys,
  type GuestTee,
  type Machine,
  type Manufacturer,
  type NitroCloud,
  type SnpManufacturer,
} from '@cloister/emulator'
import { teeByName } from '@cloister/protocol'

/** The makers of a devnet's machines, each with a root of its own. What they sign proves nothing about hardware. */
export type Vendors = {
  readonly intel: Manufacturer
  readonly amd: SnpManufacturer
  readonly aws: NitroCloud
}

/** How current a machine is. Nitro enclaves have nothing that ages: theirs are all `UpToDate`. */
export type MachineTcb = 'UpToDate' | 'OutOfDate'

/** Kinds of machines that a devnet has, in the order in which nodes get them. */
export const devnetTees: readonly GuestTee[] = ['tdx', 'sev-snp', 'aws-nitro']

const snpLine = 'Genoa'
/** SNP firmware before AMD-SB-3019 was fixed. */
const oldSnpTcb = { bootLoader: 10, tee: 1, snp: 0x10, microcode: 0x56 }

/** Opens one maker of each kind. */
export function createVendors(): Vendors {
  // An hour ago, so that no block's time lies before the collateral's.
  const now = unixSeconds(Math.floor(Date.now() / 1000) - 3600)
  return {
    intel: createManufacturer({ seed: seed(), now }),
    amd: createSnpManufacturer({ seed: seed(), now }),
    aws: createNitroCloud(seed()),
  }
}

function seed(): Uint8Array<ArrayBuffer> {
  return new Uint8Array(randomBytes(32))
}

/** The root of one kind of machines. */
export function anchorOf({ intel, amd, aws }: Vendors, tee: GuestTee): DevnetAnchor {
  switch (tee) {
    case 'tdx':
      return insecureDevnetAnchor(intel.anchorSpkiSha256)
    case 'sev-snp':
      return insecureDevnetAnchor(amd.anchorSpkiSha256(snpLine))
    case 'aws-nitro':
    default:
      return insecureDevnetAnchor(aws.anchorSpkiSha256)
  }
}

/** A machine by its name: equal names, equal machine. */
export function machineOf(
  { intel, amd, aws }: Vendors,
  tee: GuestTee,
  name: string,
  tcb: MachineTcb,
): Machine {
  const machineSeed = encodeUtf8(`cloister devnet machine ${name}`)
  switch (tee) {
    case 'tdx':
      return { tee, platform: intel.createPlatform({ machineSeed, tcb }) }
    case 'sev-snp': {
      const outdated = tcb === 'OutOfDate' && { reportedTcb: oldSnpTcb }
      return { tee, platform: amd.createPlatform({ machineSeed, line: snpLine, ...outdated }) }
    }
    case 'aws-nitro':
    default:
      return { tee, cloud: aws, enclaveSeed: machineSeed }
  }
}

/** The services that hosts fetch collateral from: Intel's and AMD's paths. A Nitro document carries its own chain. */
export async function serveVendors({ intel, amd }: Vendors) {
  const [pcs, kds] = await Promise.all([serveCollateral(intel), serveSnpKeys(amd)])
  return {
    urls: { intel: pcs.url, amd: kds.url },
    close: async () => {
      await Promise.all([pcs.close(), kds.close()])
    },
  }
}

/**
 * The kinds of a devnet's nodes: a number of them, of each kind in turn, or their names with commas.
 *
 * @throws {MalformedError} saying what nodes there are.
 */
export function readNodes(text: string): readonly GuestTee[] {
  if (/^[34]$/.test(text))
    return Array.from({ length: Number(text) }, (_, index) => devnetTees[index % 3] ?? 'tdx')
  const tees = text.split(',').map((name) => {
    const tee = teeByName(name.trim())
    return devnetTees.find((each) => each === tee)
  })
  const known = tees.filter((tee) => tee !== undefined)
  if (known.length === tees.length && tees.length >= 3 && tees.length <= 4) return known
  throw new MalformedError(
    'nodes',
    0,
    `name three or four of tdx, snp and nitro, with commas, or a number, 3 or 4`,
  )
}
