import { isAbsolute } from 'node:path'

import { insecureDevnetAnchor, productionAnchor, type Anchor } from '@cloister/attest'
import { OperationError, type Bytes, parseUtf8 } from '@cloister/codec'
import {
  addressField,
  booleanField,
  cloisterDomain,
  decimalField,
  deploymentOf,
  integerField,
  limits,
  listField,
  membersOf,
  objectField,
  oneOf,
  parseField,
  textField,
  type Domain,
  type Field,
  type FieldValue,
} from '@cloister/protocol'
import type { Address, Hex } from 'viem'

const evidence = objectField({
  tee: oneOf('tdx', 'sev-snp', 'aws-nitro', 'arm-cca'),
  driver: oneOf('dstack', 'configfs-tsm', 'sev-guest', 'nsm'),
  path: textField(107, 1),
})

const accelerator = objectField({
  kind: oneOf('nvidia'),
  command: textField(4096, 2),
})

const everyConfigFile = objectField({
  format: oneOf('cloister-enclave/2'),
  insecureDevnet: booleanField,
  requireSandbox: booleanField,
  evidence,
  chain: objectField({
    chainId: integerField(1, Number.MAX_SAFE_INTEGER),
    ledger: addressField,
    market: addressField,
    assetRegistry: addressField,
    nodeRegistry: addressField,
    appRegistry: addressField,
    committee: addressField,
    releaseKeys: addressField,
  }),
  genesis: objectField({
    epoch: decimalField(64),
    members: listField(addressField, limits.committeeMembersMax, 1),
  }),
  anchors: listField(
    objectField({
      kind: oneOf('production', 'insecure-devnet'),
      name: textField(64, 1),
    }),
    limits.anchorsMax,
    1,
  ),
  depth: integerField(0, limits.headersMax - 1),
  checkpointSeconds: integerField(1, 300),
  storageLayout: integerField(2, 2),
})

type Accelerated = {
  /** Absent: this machine has none, or is not to use it. */
  readonly accelerator?: FieldValue<typeof accelerator>
}

const configFile: Field<FieldValue<typeof everyConfigFile> & Accelerated> = {
  parse(value, path) {
    const { accelerator: chosen, ...rest } = Object.fromEntries(membersOf(value, path))
    const file = everyConfigFile.parse(rest, path)
    if (chosen === undefined) return file
    return { ...file, accelerator: accelerator.parse(chosen, `${path}.accelerator`) }
  },
  encode: (file) => ({
    ...Object.fromEntries(membersOf(everyConfigFile.encode(file), 'configuration')),
    ...(file.accelerator && { accelerator: accelerator.encode(file.accelerator) }),
  }),
}

/** The file that configures an enclave. All of it is measured. Spec: docs/enclave.md, "Configuration". */
export type EnclaveConfigFile = FieldValue<typeof configFile>

/** What kind of machine an enclave runs on, how that is asked for evidence, and where: a socket, or a kernel's folder. */
export type EvidenceConfig = FieldValue<typeof evidence>

/** What an enclave was configured with, checked. */
export type EnclaveConfig = {
  readonly domain: Domain
  readonly deployment: Hex
  readonly contracts: Omit<EnclaveConfigFile['chain'], 'chainId'>
  readonly genesis: { readonly epoch: bigint; readonly members: readonly Address[] }
  readonly anchors: readonly Anchor[]
  /** Blocks under a checkpoint's head at which tasks, assets and nodes are read. */
  readonly depth: number
  /** How long, by the enclave's own clock, a checkpoint is fresh after it was asked for. */
  readonly checkpointSeconds: number
  readonly evidence: EvidenceConfig
  readonly accelerator?: Accelerated['accelerator']
  readonly requireSandbox: boolean
  readonly insecureDevnet: boolean
}

/** How an {@link EnclaveConfigFile} stands in JSON. */
export const configFileField: typeof configFile = configFile

/**
 * Reads a configuration.
 *
 * @throws {MalformedError} naming the field.
 * @throws {OperationError} `insecure-config`, where a production build or configuration would trust a devnet.
 */
export function parseEnclaveConfig(bytes: Bytes, productionBuild: boolean): EnclaveConfig {
  const text = parseUtf8(bytes, 'configuration')
  const file = parseField(configFile, text, 'configuration', { charactersMax: 65_536, depthMax: 6 })
  if (productionBuild && file.insecureDevnet)
    refuse('a production build does not run with insecureDevnet: true')
  if (!file.insecureDevnet && !file.requireSandbox)
    refuse('requireSandbox may be false only with insecureDevnet: true')
  const domain = cloisterDomain(file.chain.chainId, file.chain.ledger)
  const { chainId: _, ...contracts } = file.chain
  return {
    domain,
    deployment: deploymentOf(domain),
    contracts,
    genesis: file.genesis,
    anchors: file.anchors.map((anchor) => toAnchor(anchor, file.insecureDevnet)),
    depth: file.depth,
    checkpointSeconds: file.checkpointSeconds,
    evidence: checkEvidence(file.evidence),
    ...(file.accelerator && { accelerator: checkAccelerator(file.accelerator) }),
    requireSandbox: file.requireSandbox,
    insecureDevnet: file.insecureDevnet,
  }
}

function toAnchor(
  { kind, name }: EnclaveConfigFile['anchors'][number],
  insecureDevnet: boolean,
): Anchor {
  if (kind === 'production') {
    const root = nodeRoots.find((each) => each === name)
    return root === undefined
      ? refuse(`${name} is no root that nodes chain to, expected one of ${nodeRoots.join(', ')}`)
      : productionAnchor(root)
  }
  if (!insecureDevnet) return refuse('a devnet anchor needs insecureDevnet: true')
  return insecureDevnetAnchor(name)
}

// Vendors' roots that whole enclaves, and GPUs beside them, chain to. Milan's is not among them: its keys can be extracted.
const nodeRoots = [
  'intel-sgx-root-ca',
  'amd-ark-genoa',
  'amd-ark-turin',
  'aws-nitro-root-g1',
  'nvidia-device-root',
  'nvidia-rim-root',
] as const

// Which drivers give which evidence.
const driversOf: Readonly<Record<EvidenceConfig['tee'], readonly EvidenceConfig['driver'][]>> = {
  tdx: ['dstack', 'configfs-tsm'],
  'sev-snp': ['configfs-tsm', 'sev-guest'],
  'aws-nitro': ['nsm'],
  'arm-cca': ['configfs-tsm'],
}

function checkEvidence(chosen: EvidenceConfig): EvidenceConfig {
  const { tee, driver } = chosen
  if (driversOf[tee].includes(driver)) return chosen
  return refuse(
    `driver ${driver} gives no evidence of ${tee}, expected ${driversOf[tee].join(' or ')}`,
  )
}

// A name would be looked for where the environment says.
function checkAccelerator<T extends { readonly command: string }>(chosen: T): T {
  if (isAbsolute(chosen.command)) return chosen
  return refuse(`accelerator.command is ${chosen.command}, expected an absolute path of nvattest`)
}

function refuse(detail: string): never {
  throw new OperationError('insecure-config', `Cannot use this configuration: ${detail}`)
}
