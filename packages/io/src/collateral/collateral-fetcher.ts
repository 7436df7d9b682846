import {
  collateralCharacters,
  collateralCharactersMax,
  type Collateral,
  type Evidence,
  type IntelCollateral,
  type IntelPlatformName,
  type RejectedAppraisal,
} from '@cloister/attest'
import { OperationError, type UnixSeconds } from '@cloister/codec'
import { amdService, type AmdService } from './amd.ts'
import { DocumentClient } from './document-client.ts'
import {
  blamesDocument,
  judge,
  nothingNeeded,
  type FetchedPart,
  type FetchGiven,
  type Fetching,
} from './fetching.ts'
import { fetchForDevice } from './for-device.ts'
import { fetchForQuote } from './for-quote.ts'
import { fetchForReport } from './for-report.ts'
import { fetchForTpm } from './for-tpm.ts'
import { fetchIntel, intelService, type IntelService, type IntelUpdate } from './intel.ts'
import { nvidiaService, type NvidiaService } from './nvidia.ts'

/** The services that documents are fetched from. Each vendor's own, unless another is named. */
export type CollateralServices = {
  readonly intel?: IntelService
  readonly amd?: AmdService
  readonly nvidia?: NvidiaService
}

/** What a fetch gives: documents to appraise by, or why the evidence is not authentic whatever documents say. */
export type FetchedCollateral =
  | {
      readonly kind: 'fetched'
      readonly collateral: Collateral
      /** What could not be had, and what is wrong with what was: sentences for people. */
      readonly warnings: readonly string[]
    }
  | { readonly kind: 'refused'; readonly appraisal: RejectedAppraisal }

/** Fetches collateral for evidence whose signatures hold. One instance is shared: it spaces requests out and remembers. */
export class CollateralFetcher {
  readonly #fetching: Fetching

  constructor(services: CollateralServices = {}, client: DocumentClient = new DocumentClient()) {
    this.#fetching = {
      client,
      intel: services.intel ?? intelService,
      amd: services.amd ?? amdService,
      nvidia: services.nvidia ?? nvidiaService,
    }
  }

  /**
   * Fetches what the evidence is judged by.
   *
   * What needs no document is checked first, and evidence that fails is refused without a request; so is evidence that
   * fails under the documents that were fetched. Documents that do not hold themselves come with a warning.
   * Nothing that comes back is verified for the caller: appraise it.
   *
   * @throws {OperationError} `collateral-unavailable`, `collateral-busy`, `collateral-too-large`,
   * `collateral-timeout`, `collateral-not-served`.
   */
  async fetch(evidence: Evidence, given: FetchGiven): Promise<FetchedCollateral> {
    const part = await withDeadline(given.timeoutMs ?? 120_000, () =>
      fetchFor(this.#fetching, evidence, given),
    )
    if ('authentic' in part) return { kind: 'refused', appraisal: part }
    const collateral = { ...given.known, ...part.value }
    if (collateralCharacters(collateral) > collateralCharactersMax)
      throw new OperationError(
        'collateral-too-large',
        `Cannot use the collateral that was fetched: it has more than ${collateralCharactersMax} characters`,
      )
    const appraisal = await judge(evidence, given, collateral)
    if (appraisal.authentic !== false)
      return { kind: 'fetched', collateral, warnings: part.warnings }
    if (!blamesDocument(appraisal)) return { kind: 'refused', appraisal }
    await this.#fetching.client.forget(part.documents)
    const fault = `The documents do not hold: ${appraisal.reject} (${appraisal.where})`
    return { kind: 'fetched', collateral, warnings: [...part.warnings, fault] }
  }

  /**
   * Fetches Intel's documents about a platform family by its name, where there is no quote yet: who asks for that
   * vouches for the name.
   *
   * @throws {OperationError} as {@link fetch}; {MalformedError} where the name is not in its format.
   */
  async fetchIntel(
    platform: IntelPlatformName,
    now: UnixSeconds,
    update: IntelUpdate = 'standard',
  ): Promise<IntelCollateral> {
    const { client, intel } = this.#fetching
    const { value } = await fetchIntel(client, intel, platform, update, now)
    return value
  }
}

function fetchFor(
  fetching: Fetching,
  evidence: Evidence,
  given: FetchGiven,
): Promise<FetchedPart | RejectedAppraisal> {
  switch (evidence.tee) {
    case 'sgx':
    case 'tdx':
      return fetchForQuote(fetching, evidence, given)
    case 'sev-snp':
      return fetchForReport(fetching, evidence, given)
    case 'nvidia-gpu':
    case 'nvidia-nvswitch':
      return fetchForDevice(fetching, evidence, given)
    case 'tpm2':
      return fetchForTpm(fetching, evidence, given)
    case 'aws-nitro':
    case 'arm-cca':
    case 'arm-psa':
    default:
      return judgeAlone(evidence, given)
  }
}

/** What these are judged by comes with them, or from whoever vouches for the device: only such a key can be missing. */
async function judgeAlone(
  evidence: Evidence,
  given: FetchGiven,
): Promise<FetchedPart | RejectedAppraisal> {
  const appraisal = await judge(evidence, given, given.known ?? 'none')
  return appraisal.authentic === false && appraisal.reject !== 'COLLATERAL_MISSING'
    ? appraisal
    : nothingNeeded
}

async function withDeadline<T>(timeoutMs: number, act: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(
        new OperationError(
          'collateral-timeout',
          `Cannot get collateral within ${timeoutMs} ms; what is still under way goes on, so try again`,
          { retryable: true },
        ),
      )
    }, timeoutMs)
  })
  try {
    return await Promise.race([act(), late])
  } finally {
    clearTimeout(timer)
  }
}
