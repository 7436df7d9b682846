import { readFileSync } from 'node:fs'

import { MalformedError, OperationError } from '@cloister/codec'
import { logLevels, readConfig, systemErrorCode } from '@cloister/io'
import {
  booleanField,
  integerField,
  listField,
  objectField,
  oneOf,
  orNull,
  parseDeployment,
  textField,
  type Deployment,
  type Field,
  type FieldValue,
} from '@cloister/protocol'

import { faultNames } from './faults.ts'

const path = textField(4096, 1)
const url = textField(200, 1)
const seconds = integerField(1, 365 * 86_400)

const verifierConfig = objectField({
  /** A production verifier takes no faults and no devnet anchor. */
  production: booleanField,
  insecureFaults: listField(oneOf(...faultNames), faultNames.length),
  /** For devnets: whether nodes that ask for admission may answer on this machine. */
  insecureAllowLoopback: booleanField,
  /** For tests: a file that every body of HTTP is appended to; null in production. */
  insecureRecordTraffic: orNull(path),
  /** The deployment's manifest: contracts, anchors, measurements, apps. */
  deploymentFile: path,
  chain: objectField({
    /** Where the home chain answers; null: where the manifest says. */
    url: orNull(url),
    /** The block of the deployment: nothing is looked for before it. */
    fromBlock: integerField(0, Number.MAX_SAFE_INTEGER),
    /** How deep a posting lies before it is judged, and what payout roots are counted up to. */
    confirmations: integerField(0, 256),
    pollMs: integerField(20, 60_000),
  }),
  keyFile: path,
  dataFolder: path,
  listen: objectField({ host: textField(255, 1), port: integerField(0, 65_535) }),
  /** Where others reach this verifier; null: where it listens. */
  publicUrl: orNull(url),
  /** Whether to write that address into the Committee where it says another. */
  announce: booleanField,
  /** How long an admitted node is registered. */
  registrationSeconds: seconds,
  /** How many blocks behind the head a checkpoint may lie. */
  checkpointBlocks: integerField(0, 30),
  /** How far a checkpoint's block time may be from this machine's clock. */
  clockSeconds: seconds,
  /** How long nothing is signed after an unknown vote of this key was found; at least the judging time. */
  silentSeconds: seconds,
  /** Part of the judging time, in percent, after which what cannot be had is refused. */
  fetchPercent: integerField(5, 90),
  /** How long a quorum waits for the votes still missing, and each next member for the one before it. */
  gatherMs: integerField(0, 60_000),
  storeBytesMax: integerField(1, Number.MAX_SAFE_INTEGER),
  log: objectField({
    level: oneOf(...logLevels),
    format: oneOf('json', 'human'),
    /** A file, or null for standard error. */
    path: orNull(path),
  }),
})

/** How a verifier is configured. Spec: docs/verifier.md, "Configuration". */
export type VerifierConfig = FieldValue<typeof verifierConfig>

/** How a {@link VerifierConfig} stands in JSON. */
export const verifierConfigField: Field<VerifierConfig> = verifierConfig

/** What stands in for fields that a configuration leaves out. */
const defaults = {
  production: true,
  insecureFaults: [],
  insecureAllowLoopback: false,
  insecureRecordTraffic: null,
  chain: { url: null, fromBlock: 0, confirmations: 0, pollMs: 500 },
  publicUrl: null,
  announce: true,
  registrationSeconds: 30 * 86_400,
  checkpointBlocks: 3,
  clockSeconds: 30,
  silentSeconds: 3_600,
  fetchPercent: 50,
  gatherMs: 1_000,
  storeBytesMax: 16 * 2 ** 30,
  log: { level: 'info', format: 'json', path: null },
} as const

/** Reads a verifier's configuration. @throws {OperationError} `config-unreadable`, `config-malformed`. */
export function readVerifierConfig(file: string): VerifierConfig {
  return readConfig(file, verifierConfigField, defaults)
}

/**
 * Reads the manifest of the deployment that a verifier serves.
 *
 * @throws {OperationError} `deployment-unreadable`, or `insecure-config` where a production verifier would trust a devnet.
 */
export function readDeployment(config: VerifierConfig): Deployment {
  const { deploymentFile, production, insecureAllowLoopback, insecureRecordTraffic } = config
  if (production && insecureRecordTraffic !== undefined)
    throw new OperationError(
      'insecure-config',
      'Cannot record traffic: a production verifier does not; set insecureRecordTraffic to null',
    )
  if (production && insecureAllowLoopback)
    throw new OperationError(
      'insecure-config',
      'Cannot ask this machine itself for evidence: a production verifier does not; set insecureAllowLoopback to false',
    )
  let deployment: Deployment
  try {
    deployment = parseDeployment(readFileSync(deploymentFile))
  } catch (cause) {
    const detail =
      cause instanceof MalformedError
        ? cause.message
        : (systemErrorCode(cause) ?? 'unknown failure')
    throw new OperationError(
      'deployment-unreadable',
      `Cannot use the deployment manifest ${deploymentFile}: ${detail}; correct deploymentFile or write the manifest anew`,
      { cause },
    )
  }
  if (production && deployment.anchors.some(({ kind }) => kind === 'insecure-devnet'))
    throw new OperationError(
      'insecure-config',
      `Cannot start with a devnet anchor in ${deploymentFile}: a production verifier trusts vendor roots alone`,
    )
  return deployment
}
