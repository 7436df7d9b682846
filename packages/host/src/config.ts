import { amdService, intelService, logLevels, readConfig } from '@cloister/io'
import {
  booleanField,
  integerField,
  listField,
  objectField,
  oneOf,
  orNull,
  textField,
  type Field,
  type FieldValue,
} from '@cloister/protocol'

import { faultNames } from './faults.ts'

const path = textField(4096, 1)
const url = textField(256, 1)

const hostConfig = objectField({
  /** A production host takes no faults and no enclave without a sandbox. */
  production: booleanField,
  insecureFaults: listField(oneOf(...faultNames), faultNames.length),
  /** For tests: a file that every body of HTTP is appended to; null in production. */
  insecureRecordTraffic: orNull(path),
  /** The deployment's manifest: contracts, apps, depth. */
  deploymentFile: path,
  chain: objectField({
    /** Where the home chain answers; null: where the manifest says. */
    url: orNull(url),
    /** The block of the deployment: nothing is looked for before it. */
    fromBlock: integerField(0, Number.MAX_SAFE_INTEGER),
    pollMs: integerField(20, 60_000),
  }),
  operatorKeyFile: path,
  enclaveSocket: textField(107, 1),
  dataFolder: path,
  listen: objectField({ host: textField(255, 1), port: integerField(0, 65_535) }),
  /** Where others reach this host; null: where it listens. */
  publicUrl: orNull(url),
  /** Base addresses of services with the paths of Intel's PCS, version 4, and of AMD's KDS. */
  collateralUrls: objectField({ intel: url, amd: url }),
  tags: integerField(0, 0xffff_ffff),
  /** Each duty that anybody may do waits a random part of this first, so that not all hosts pay for it. */
  dutyJitterMs: integerField(0, 600_000),
  storeBytesMax: integerField(1, Number.MAX_SAFE_INTEGER),
  /** Stores of owners, from which objects are fetched that no node has: folders, buckets, IPFS gateways. */
  partStores: listField(textField(1024, 1), 16),
  log: objectField({
    level: oneOf(...logLevels),
    format: oneOf('json', 'human'),
    /** A file, or null for standard error. */
    path: orNull(path),
  }),
})

/** How a host is configured. Spec: docs/host.md, "Configuration". */
export type HostConfig = FieldValue<typeof hostConfig>

/** How a {@link HostConfig} stands in JSON. */
export const hostConfigField: Field<HostConfig> = hostConfig

/** What stands in for fields that a configuration leaves out. */
const defaults = {
  production: true,
  insecureFaults: [],
  insecureRecordTraffic: null,
  chain: { url: null, fromBlock: 0, pollMs: 500 },
  publicUrl: null,
  collateralUrls: { intel: intelService.url, amd: amdService.url },
  tags: 0,
  dutyJitterMs: 1_500,
  storeBytesMax: 16 * 2 ** 30,
  partStores: [],
  log: { level: 'info', format: 'json', path: null },
} as const

/** Reads a host's configuration. @throws {OperationError} `config-unreadable`, `config-malformed`. */
export function readHostConfig(file: string): HostConfig {
  return readConfig(file, hostConfigField, defaults)
}
