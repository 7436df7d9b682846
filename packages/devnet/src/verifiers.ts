import { join } from 'node:path'

import type { Child } from '@cloister/io'

import type { Role } from './accounts.ts'
import { startProgram, writeKeyFile } from './child-program.ts'
import { devnetTerms } from './deploy.ts'
import type { Folders } from './folders.ts'

/** The roles that verify, in the order of their folders. */
export const verifierRoles = [
  'verifier-1',
  'verifier-2',
  'verifier-3',
  'verifier-4',
] as const satisfies readonly Role[]

/** One verifier's place on the machine, and how it lies, if it does. */
export type VerifierPlace = {
  /** From 0. */
  readonly index: number
  readonly port: number
  readonly homeUrl: string
  readonly faults: readonly string[]
}

/** Starts one verifier and waits until it is ready. */
export function startVerifier(
  folders: Folders,
  { index, port, homeUrl, faults }: VerifierPlace,
): Promise<Child> {
  const folder = folders.verifier(index + 1)
  return startProgram({
    name: `verifier ${index + 1}`,
    package: 'verifier',
    folder,
    config: {
      production: false,
      insecureFaults: [...faults],
      insecureAllowLoopback: true,
      insecureRecordTraffic: join(folders.traffic, `verifier-${index + 1}`),
      deploymentFile: folders.deploymentFile,
      chain: { url: homeUrl, fromBlock: 0, confirmations: 0, pollMs: 200 },
      keyFile: writeKeyFile(folder, verifierRoles[index] ?? 'verifier-1'),
      dataFolder: folder,
      listen: { host: '127.0.0.1', port },
      announce: true,
      registrationSeconds: 86_400,
      silentSeconds: Number(devnetTerms.judgeSeconds),
      gatherMs: 300,
      log: { level: 'info', format: 'json', path: join(folders.logs, `verifier-${index + 1}.log`) },
    },
  })
}
