import { intelNeeds, type IntelPlatformName } from '@cloister/attest'
import { MalformedError, unixSeconds, type Bytes, type Json } from '@cloister/codec'
import { CollateralFetcher, DocumentClient } from '@cloister/io'
import { collateralField } from '@cloister/protocol'

/** Which machines a set of collateral is about. */
export type PlatformId = Pick<IntelPlatformName, 'fmspc' | 'ca'>

/** How long a fetched document is handed out before it is asked for again, though it has not ended. */
const refreshSeconds = 10 * 60

/** Gets the collateral of TDX platforms, as a bundle carries it, from a service with the paths of Intel's PCS. */
export class CollateralClient {
  readonly #fetcher: CollateralFetcher

  constructor(url: string) {
    this.#fetcher = new CollateralFetcher(
      { intel: { url } },
      new DocumentClient({ refreshSeconds }),
    )
  }

  /**
   * Collateral of a platform, as it stands in a bundle.
   *
   * @throws {OperationError} `collateral-unavailable`, naming the service; `collateral-busy`.
   */
  async get({ fmspc, ca }: PlatformId): Promise<Json> {
    const now = unixSeconds(Math.floor(Date.now() / 1000))
    const collateral = await this.#fetcher.fetchIntel({ tee: 'tdx', fmspc, ca }, now)
    // Its sizes are checked here, so that a bad service is found out before whoever reads it next.
    return collateralField.encode(collateralField.parse({ ...collateral }, 'collateral'))
  }
}

/**
 * Which machine a TDX quote of the node's own enclave comes from: only which collateral is asked for depends on it, so
 * nothing is checked.
 *
 * @throws {MalformedError} where it is no quote with a PCK chain.
 */
export function platformOf(quote: Bytes): PlatformId {
  const needs = intelNeeds({ tee: 'tdx', quote })
  if ('fmspc' in needs) return { fmspc: needs.fmspc, ca: needs.ca }
  throw new MalformedError('quote', 0, 'it holds no PCK certificate')
}
