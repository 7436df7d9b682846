import type { Anchor, NvidiaEvidence } from '@cloister/attest'
import { OperationError, unixSeconds, type Json } from '@cloister/codec'
import { CollateralFetcher, DocumentClient, type NvidiaService } from '@cloister/io'
import {
  deviceCollateralField,
  nodeCollateralField,
  sayTees,
  teeSet,
  type NodeEvidence,
} from '@cloister/protocol'

/** Where vendors' documents are fetched: services with the paths of Intel's PCS, version 4, and of AMD's KDS. */
export type CollateralUrls = {
  readonly intel: string
  readonly amd: string
  /** NVIDIA's own where absent. */
  readonly nvidia?: NvidiaService
}

/** How long a fetched document is handed out before it is asked for again, though it has not ended. */
const refreshSeconds = 10 * 60

/** Gets the documents that evidence of this node's own enclave is judged by, as a bundle carries them. */
export class CollateralClient {
  readonly #fetcher: CollateralFetcher
  readonly #anchors: readonly Anchor[]

  /** `anchors`: a request goes out only for evidence that holds up to one of them. */
  constructor({ intel, amd, nvidia }: CollateralUrls, anchors: readonly Anchor[]) {
    this.#fetcher = new CollateralFetcher(
      { intel: { url: intel }, amd: { url: amd }, ...(nvidia && { nvidia }) },
      new DocumentClient({ refreshSeconds }),
    )
    this.#anchors = anchors
  }

  /**
   * The documents of one vendor: Intel's nine texts, AMD's certificates and revocation list, nothing for Nitro.
   *
   * @throws {OperationError} `collateral-unavailable`, naming the service; `collateral-busy`; `evidence-refused`, where the
   * evidence does not hold whatever documents say.
   */
  async get(evidence: NodeEvidence): Promise<Json> {
    const now = unixSeconds(Math.floor(Date.now() / 1000))
    const fetched = await this.#fetcher.fetch(evidence, { anchors: this.#anchors, now })
    if (fetched.kind === 'refused') {
      const { reject, where } = fetched.appraisal
      throw new OperationError(
        'evidence-refused',
        `Cannot get collateral for this node's evidence of ${sayTees(teeSet([evidence.tee]))}: it is not authentic, ${reject} (${where}); look whether the deployment's anchors are of its vendor`,
      )
    }
    if (evidence.tee === 'sev-snp' && fetched.collateral.amd?.crl === undefined)
      throw new OperationError(
        'collateral-unavailable',
        `Cannot get AMD's revocation list: ${fetched.warnings.join('; ') || 'its service gave none'}`,
        { retryable: true },
      )
    // Sizes are checked here, so that a bad service is found out before whoever reads it next.
    const field = nodeCollateralField(evidence.tee)
    return field.encode(field.parse(field.encode(fetched.collateral), 'collateral'))
  }

  /**
   * NVIDIA's manifests of the devices' firmware, and the status of their certificates.
   *
   * @throws {OperationError} as {@link get}; `evidence-refused` names the device.
   */
  async getOfDevices(devices: readonly NvidiaEvidence[]): Promise<Json> {
    const now = unixSeconds(Math.floor(Date.now() / 1000))
    const rims = new Set<string>()
    const ocspResponses = new Set<string>()
    for (const [index, evidence] of devices.entries()) {
      const fetched = await this.#fetcher.fetch(evidence, { anchors: this.#anchors, now })
      if (fetched.kind === 'refused') {
        const { reject, where } = fetched.appraisal
        throw new OperationError(
          'evidence-refused',
          `Cannot get collateral for device ${index + 1} of this node: it is not authentic, ${reject} (${where}); look whether the deployment's anchors name NVIDIA's roots`,
        )
      }
      const { nvidia } = fetched.collateral
      for (const rim of nvidia?.rims ?? []) rims.add(rim)
      for (const response of nvidia?.ocspResponses ?? []) ocspResponses.add(response)
    }
    const given = { rims: [...rims], ocspResponses: [...ocspResponses] }
    const encoded = deviceCollateralField.encode(given)
    deviceCollateralField.parse(encoded, 'collateral')
    return encoded
  }
}
