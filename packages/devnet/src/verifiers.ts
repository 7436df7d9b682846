import { join } from 'node:path'

import { anchorSpkiSha256, type Anchor } from '@cloister/attest'
import type { Json } from '@cloister/codec'
import type { Child } from '@cloister/io'
import type { Contracts } from '@cloister/protocol'
import type { Address, Hex } from 'viem'

import { accountOf, type Role } from './accounts.ts'
import { startProgram, writeKeyFile } from './child-program.ts'
import { devnetTerms } from './deploy.ts'
import type { Folders } from './folders.ts'

/** What all verifiers of a devnet share. */
export type VerifierNetwork = {
  readonly home: {
    readonly url: string
    readonly chainId: number
    readonly fromBlock: number
    readonly contracts: Contracts
  }
  readonly anchor: Anchor
  readonly measurements: readonly Hex[]
  readonly apps: readonly Json[]
  readonly spokes: readonly { readonly chainId: number; readonly spokePayout: Address }[]
  readonly verifiers: readonly { readonly address: Address; readonly url: string }[]
}

/** The roles that verify, in the order of their folders. */
export const verifierRoles = [
  'verifier-1',
  'verifier-2',
  'verifier-3',
  'verifier-4',
] as const satisfies readonly Role[]

/** One verifier's place on the machine, and how it lies, if it does. */
export type VerifierPlace = {
  readonly index: number
  readonly port: number
  readonly faults: readonly string[]
}

/** Starts one verifier and waits until it is ready. */
export function startVerifier(
  network: VerifierNetwork,
  folders: Folders,
  { index, port, faults }: VerifierPlace,
): Promise<Child> {
  const folder = folders.verifier(index + 1)
  const role = verifierRoles[index] ?? 'verifier-1'
  const { home, anchor, measurements, apps, verifiers } = network
  const { token, ledger, staking, nodeRegistry, appRegistry, assetRegistry } = home.contracts
  const { committee, market, settlement } = home.contracts
  return startProgram({
    name: `verifier ${index + 1}`,
    package: 'verifier',
    folder,
    config: {
      production: false,
      insecureFaults: [...faults],
      home: {
        url: home.url,
        chainId: home.chainId,
        fromBlock: home.fromBlock,
        confirmations: 0,
        pollMs: 200,
        contracts: {
          ...{ token, ledger, staking, nodeRegistry, appRegistry, assetRegistry },
          ...{ committee, market, settlement },
        },
      },
      anchors: [{ kind: 'insecure-devnet', name: anchorSpkiSha256(anchor) }],
      measurements,
      apps,
      verifiers: verifiers.filter(({ address }) => address !== accountOf(role).address),
      keyFile: writeKeyFile(folder, role),
      dataFolder: folder,
      listen: { host: '127.0.0.1', port },
      announce: false,
      registrationSeconds: 86_400,
      silentSeconds: Number(devnetTerms.judgeSeconds),
      gatherMs: 300,
      log: { level: 'info', format: 'json', path: join(folders.logs, `verifier-${index + 1}.log`) },
    },
  })
}
