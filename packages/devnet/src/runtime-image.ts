import { anchorSpkiSha256, type DevnetAnchor } from '@cloister/attest'
import type { GuestImage, GuestTee } from '@cloister/emulator'
import type { CommitteeSet, Contracts } from '@cloister/protocol'

import type { EnclaveBuild } from '../../../scripts/build-enclave.ts'

/** What every node of one kind runs; its configuration is measured with it, and names the kind. */
export type RuntimeImage = GuestImage & {
  readonly tee: GuestTee
  /** SHA-256 of each measured file: copies of them that lie around hold no secret. */
  readonly digests: ReadonlySet<string>
}

/** Blocks under a checkpoint's head at which enclaves read tasks, assets and nodes. */
export const devnetDepth = 1

/** By which driver an enclave asks each kind of machine: a production's own. */
const drivers: Readonly<Record<GuestTee, string>> = {
  tdx: 'dstack',
  'sev-snp': 'sev-guest',
  'aws-nitro': 'nsm',
}

/** Gives a built enclave the configuration of one deployment. */
export function runtimeImage(
  { files, runtime, entry }: EnclaveBuild,
  deployment: {
    readonly chainId: number
    readonly contracts: Contracts
    readonly genesis: CommitteeSet
    /** The roots of all kinds of machines that the devnet has. */
    readonly anchors: readonly DevnetAnchor[]
  },
  tee: GuestTee,
): RuntimeImage {
  const { chainId, contracts, genesis, anchors } = deployment
  const { ledger, market, assetRegistry, nodeRegistry, appRegistry, committee, releaseKeys } =
    contracts
  return {
    tee,
    files: files.map(({ name, path }) => ({ name, path })),
    runtime,
    entry,
    nodeFlags: ['--disable-warning=ExperimentalWarning'],
    config: {
      format: 'cloister-enclave/2',
      insecureDevnet: true,
      // The devnet goes on without bubblewrap, and says so loudly.
      requireSandbox: false,
      evidence: { tee, driver: drivers[tee], path: '../guest.sock' },
      chain: {
        chainId,
        ...{ ledger, market, assetRegistry, nodeRegistry, appRegistry, committee, releaseKeys },
      },
      genesis: { epoch: String(genesis.epoch), members: genesis.members },
      anchors: anchors.map((anchor) => ({
        kind: 'insecure-devnet',
        name: anchorSpkiSha256(anchor),
      })),
      depth: devnetDepth,
      checkpointSeconds: 30,
      storageLayout: 2,
    },
    digests: new Set(files.map(({ sha256 }) => sha256)),
  }
}
