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
  objectField,
  oneOf,
  parseField,
  textField,
  type Domain,
  type FieldValue,
} from '@cloister/protocol'
import type { Address, Hex } from 'viem'

const configFile = objectField({
  format: oneOf('cloister-enclave/1'),
  insecureDevnet: booleanField,
  requireSandbox: booleanField,
  guestSocket: textField(107, 1),
  chain: objectField({
    chainId: integerField(1, Number.MAX_SAFE_INTEGER),
    ledger: addressField,
    market: addressField,
    assetRegistry: addressField,
    nodeRegistry: addressField,
    appRegistry: addressField,
    committee: addressField,
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
    4,
    1,
  ),
  depth: integerField(0, limits.headersMax - 1),
  checkpointSeconds: integerField(1, 300),
  storageLayout: integerField(1, 1),
})

/** The file that configures an enclave. All of it is measured. Spec: docs/enclave.md, "Configuration". */
export type EnclaveConfigFile = FieldValue<typeof configFile>

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
  readonly guestSocket: string
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
    guestSocket: file.guestSocket,
    requireSandbox: file.requireSandbox,
    insecureDevnet: file.insecureDevnet,
  }
}

function toAnchor(
  { kind, name }: EnclaveConfigFile['anchors'][number],
  insecureDevnet: boolean,
): Anchor {
  if (kind === 'production') {
    if (name === 'intel-sgx-root-ca') return productionAnchor(name)
    return refuse(`there is no production anchor named ${name}`)
  }
  if (!insecureDevnet) return refuse('a devnet anchor needs insecureDevnet: true')
  return insecureDevnetAnchor(name)
}

function refuse(detail: string): never {
  throw new OperationError('insecure-config', `Cannot use this configuration: ${detail}`)
}
