import { appraisalDigest } from '@cloister/attest'
import {
  canonicalJson,
  encodeHex,
  encodeUtf8,
  OperationError,
  parseHex,
  unixSeconds,
} from '@cloister/codec'
import { describeError, type BlockHead } from '@cloister/io'
import {
  addressField,
  allTees,
  appraiseNode,
  bytes32Field,
  digestOf,
  hexField,
  integerField,
  keyHash,
  messageDigest,
  nodeEvidenceField,
  nodeRegistryAbi,
  objectField,
  publicKeyBytes,
  reportData,
  sameHex,
  shownEvidenceField,
  teeNumbers,
  textField,
  type Admission,
  type FieldValue,
  type NodeAppraisal,
  type Problem,
} from '@cloister/protocol'
import { zeroAddress, type Hex } from 'viem'

import { heightField, signDigest } from './checkpoints.ts'
import type { VerifierContext } from './context.ts'
import { fetchEvidence } from './fetch-evidence.ts'
import { isHttpUrl } from './peers.ts'
import type { Standing } from './standing.ts'

/** Body of `POST /v1/admissions`. */
export const admissionRequestField = objectField({ url: textField(200, 1) })

const bundle = shownEvidenceField((collateral) =>
  objectField({
    operator: addressField,
    receiptKey: addressField,
    sharePublicKey: hexField(publicKeyBytes),
    beaconBlock: heightField,
    beacon: bytes32Field,
    evidence: nodeEvidenceField,
    collateral,
    tags: integerField(0, 0xffff_ffff),
    url: textField(200),
  }),
)

/** What a host shows for its node: `GET /v1/admission`. Spec: docs/protocol.md section 8. */
export type AdmissionBundle = FieldValue<typeof bundle>

/** How an {@link AdmissionBundle} stands in JSON. */
export const admissionBundleField: typeof bundle = bundle

/** Why a node is not admitted: one rule, in a code for programs and a sentence for people. */
export type AdmissionProblem = { readonly code: string; readonly detail: string }

/** How old a beacon may be. Spec: docs/protocol.md section 3. */
const beaconBlocksMax = 256n
const openMax = 8
/** ConfigurationAndSWHardeningNeeded: the worst that is admitted. */
const tcbRankAdmitted = 3

/**
 * Admits nodes by their evidence. All that an admission says follows from the bundle and from the chain as it was after
 * the beacon's block, so that all members sign the same one.
 */
export class Admissions {
  readonly #context: VerifierContext
  readonly #standing: Standing
  #open = 0

  constructor(context: VerifierContext, standing: Standing) {
    this.#context = context
    this.#standing = standing
  }

  /** @throws {OperationError} `unready`, `bad-request`, `busy`, `peer-unreachable`, or `refused` with every reason. */
  async admit(url: string): Promise<{ readonly admission: Admission; readonly signature: Hex }> {
    this.#standing.requireClear()
    if (!isHttpUrl(url))
      throw new OperationError(
        'bad-request',
        'Cannot ask that host: its URL must be http or https, without credentials, query or fragment',
      )
    if (this.#open >= openMax)
      throw new OperationError(
        'busy',
        `Cannot appraise now: ${openMax} nodes are being appraised`,
        {
          retryable: true,
        },
      )
    this.#open++
    try {
      const given = await this.#fetch(url.replace(/\/+$/, ''))
      const { admission, problems } = await this.appraise(given)
      if (admission === undefined)
        throw new OperationError(
          'refused',
          `Cannot admit ${given.receiptKey}: ${problems.map(({ code, detail }) => `${code} (${detail})`).join('; ')}`,
        )
      const text = encodeUtf8(canonicalJson(bundle.encode(given)))
      await this.#context.store.put(admission.bundleDigest.slice(2), text)
      const digest = messageDigest(this.#context.domain, 'Admission', admission)
      return { admission, signature: await signDigest(this.#context, digest) }
    } finally {
      this.#open--
    }
  }

  /** The admission that a bundle deserves, or everything against it. */
  async appraise(given: AdmissionBundle): Promise<{
    readonly admission: Admission | undefined
    readonly problems: readonly AdmissionProblem[]
  }> {
    const { home, config } = this.#context
    const head = await home.chain.block()
    if (given.beaconBlock > head.number)
      return none('beacon-unknown', `block ${given.beaconBlock}, the head is ${head.number}`)
    if (head.number - given.beaconBlock > beaconBlocksMax)
      return none(
        'beacon-too-old',
        `block ${given.beaconBlock}, the head is ${head.number}, at most ${beaconBlocksMax} before it`,
      )
    const block = await home.chain.block(given.beaconBlock)
    if (!sameHex(block.hash, given.beacon))
      return none('beacon-unknown', `block ${given.beaconBlock} is ${block.hash}`)

    const { appraisal, shown, problems: against } = await this.#appraise(given, block)
    const problems = [...evidenceProblems(appraisal, against)]
    if (appraisal.authentic === false || shown === undefined)
      return { admission: undefined, problems }
    const { measurement, machineId, tcb, tier } = shown
    problems.push(...(await this.#standingProblems(given, measurement, machineId, block)))
    const end = Number(block.timestamp) + config.registrationSeconds
    const expiry = BigInt(Math.min(appraisal.until, end))
    if (problems.length > 0 || tcb === undefined) return { admission: undefined, problems }
    const admission = {
      operator: given.operator,
      receiptKey: given.receiptKey,
      shareKeyHash: keyHash(parseHex(given.sharePublicKey)),
      machineId,
      measurement,
      tcb,
      tier,
      tags: given.tags,
      expiry,
      bundleDigest: digestOf(encodeUtf8(canonicalJson(bundle.encode(given)))),
      appraisalDigest: `0x${encodeHex(await appraisalDigest(appraisal))}` as const,
      beacon: given.beacon,
      tee: teeNumbers[given.evidence.tee],
    }
    return { admission, problems: [] }
  }

  async #fetch(url: string): Promise<AdmissionBundle> {
    const { config, log } = this.#context
    try {
      const json = await fetchEvidence(new URL(`${url}/v1/admission`), config.insecureAllowLoopback)
      return bundle.parse(json, 'bundle')
    } catch (error) {
      // One answer for all that can go wrong: the asker chose the address, and may be after what answers there.
      log.info('No evidence comes from an address', { url, detail: describeError(error) })
      throw new OperationError(
        'peer-unreachable',
        `Cannot read the evidence at ${url}/v1/admission: no admission bundle came from there; its address must be public, and it must answer within 10 s`,
        { retryable: true },
      )
    }
  }

  async #appraise(given: AdmissionBundle, beacon: BlockHead): Promise<NodeAppraisal> {
    const { home, domain, anchors, appraise, manifest } = this.#context
    const { operator, receiptKey } = given
    const { measurements } = manifest
    return appraiseNode(appraise, given, {
      rules: [{ measurements, releaseKey: zeroAddress, tcbFloor: tcbRankAdmitted, tees: allTees }],
      approvals: [], // Governance approves runtimes for the network, no release key.
      floor: await home.floor(beacon.number),
      reportData: reportData(domain, 'NodeBinding', {
        registry: home.contracts.nodeRegistry,
        operator,
        receiptKey,
        shareKeyHash: keyHash(parseHex(given.sharePublicKey)),
        beacon: given.beacon,
      }),
      receiptKey,
      machineId: 'any', // There is no record yet; who else has the machine is asked below.
      accelerator: 'none',
      anchors,
      now: unixSeconds(Number(beacon.timestamp)),
    })
  }

  async #standingProblems(
    given: AdmissionBundle,
    measurement: Hex,
    machineId: Hex,
    beacon: BlockHead,
  ): Promise<readonly AdmissionProblem[]> {
    const { home } = this.#context
    const at = beacon.number
    const problems: AdmissionProblem[] = []
    if (!(await home.isApproved(measurement, at)))
      problems.push(problem('measurement-not-approved', `${measurement} is not approved on chain`))
    if ((await home.node(given.receiptKey, at)) !== undefined)
      problems.push(problem('key-known', `${given.receiptKey} was admitted before`))
    const current = await this.#currentNode(machineId, at)
    const isTakeover = current !== undefined && sameHex(current.operator, given.operator)
    if (current !== undefined && !isTakeover && current.expiry > beacon.timestamp)
      problems.push(
        problem('machine-taken', `machine ${machineId} is operator ${current.operator}'s`),
      )
    const count = (await home.nodesOf(given.operator, at)).length + (isTakeover ? 0 : 1)
    const neededWei = (await home.nodeStakeMinWei(at)) * BigInt(count)
    const bondedWei = await home.bondedOf(given.operator, at)
    if (bondedWei < neededWei)
      problems.push(
        problem(
          'stake-too-low',
          `operator ${given.operator} has bonded ${bondedWei} wei, ${neededWei} are needed for ${count} nodes`,
        ),
      )
    return problems
  }

  /** Who has a machine after a block: the key admitted last for it, unless it has retired. */
  async #currentNode(machineId: Hex, at: bigint) {
    const { home } = this.#context
    const logs = await home.chain.ask('read admissions', (client) =>
      client.getContractEvents({
        address: home.contracts.nodeRegistry,
        abi: nodeRegistryAbi,
        eventName: 'NodeAdmitted',
        args: { machineId },
        fromBlock: home.fromBlock,
        toBlock: at,
        strict: true,
      }),
    )
    const newest = logs.at(-1)?.args.receiptKey
    const record = newest === undefined ? undefined : await home.node(newest, at)
    return record === undefined || record.retired ? undefined : record
  }
}

// Reasons under their own codes, so that programs need not read sentences.
function evidenceProblems(
  appraisal: NodeAppraisal['appraisal'],
  against: readonly Problem[],
): readonly AdmissionProblem[] {
  const others = against.filter(({ field }) => field !== 'evidence')
  return [
    ...(appraisal.authentic === false
      ? [problem('not-authentic', `${appraisal.reject}: ${appraisal.where}`)]
      : appraisal.reasons.map(({ code, detail, actual, expected }) =>
          problem(
            code,
            `${detail}; got ${actual.slice(0, 200)}, expected ${expected.slice(0, 400)}`,
          ),
        )),
    ...others.map(({ field, detail }) => problem(field, detail)),
  ]
}

function problem(code: string, detail: string): AdmissionProblem {
  return { code, detail }
}

function none(code: string, detail: string) {
  return { admission: undefined, problems: [problem(code, detail)] }
}
