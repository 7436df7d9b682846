import type { Json } from '@cloister/codec'

import { chainCells } from './chain-cells.ts'
import { messageDigest } from './digest.ts'
import { decideGrant } from './grants.ts'
import { sameHex } from './ids.ts'
import { evidenceDigest } from './node-evidence.ts'
import { differs, unless, type Problem } from './problems.ts'
import type { ReceiptCase } from './receipt-case.ts'
import { checkReleases, checkReleaseSignatures } from './receipts.ts'
import { signerOf } from './signatures.ts'

type Finding = { readonly problems: readonly Problem[]; readonly detail: string }

/** Whether each asset's registered owner signed a grant that covers what was run. */
export async function grantFacts(trial: ReceiptCase): Promise<Finding> {
  const { bundle } = trial.file
  const problems = [
    ...differs('grantSignatures', bundle.grantSignatures.length, bundle.grants.length),
  ]
  for (const index of bundle.grants.keys()) problems.push(...(await grantProblems(trial, index)))
  return { problems, detail: `${bundle.grants.length} grants, signed by the assets' owners` }
}

/**
 * Whether enough keepers of each asset released, each record signed by a key of that share's keeper
 * and countersigned by a key of another keeper of the asset.
 */
export async function releaseFacts(trial: ReceiptCase): Promise<Finding> {
  const { bundle, shares } = trial.file
  const { order, binding, releases, evidence } = bundle
  const quoteDigest = evidenceDigest(evidence)
  const problems: Problem[] = [
    ...checkReleases(
      releases.map(({ release }) => release),
      order,
      { task: trial.task, attempt: binding.attempt, quoteDigest },
    ),
  ]
  for (const [index, signed] of releases.entries()) {
    const field = `releases[${index}]`
    const { release, countersigner } = signed
    for (const problem of await checkReleaseSignatures(trial.domain, signed))
      problems.push({ ...problem, field: `${field}.${problem.field}` })
    const place = order.assets.findIndex((asset) => sameHex(asset, release.asset))
    const keeper = await trial.address(chainCells.node(release.keeper).operator)
    const other = await trial.address(chainCells.node(countersigner).operator)
    problems.push(
      ...differs(`${field}.keeper`, keeper, shares[place]?.operators[release.shareIndex]),
      ...unless(
        shares[place]?.operators.some((each) => sameHex(each, other)) === true,
        `${field}.countersigner`,
        'keeps no share of this asset',
      ),
      ...unless(!sameHex(other, keeper), `${field}.countersigner`, 'is of the same operator'),
    )
  }
  for (const [place, asset] of order.assets.entries()) {
    const count = releases.filter(({ release }) => sameHex(release.asset, asset)).length
    const needed = shares[place]?.threshold ?? 0
    problems.push(
      ...unless(
        needed > 0 && count >= needed,
        'releases',
        `${count} for asset ${place}, ${needed} needed`,
      ),
    )
  }
  return { problems, detail: `${releases.length} records, each countersigned` }
}

async function grantProblems(trial: ReceiptCase, index: number): Promise<readonly Problem[]> {
  const { order, grants, grantSignatures, binding, checkpoint } = trial.file.bundle
  const grant = grants[index]
  const asset = order.assets[index]
  const signature = grantSignatures[index]
  if (grant === undefined || asset === undefined || signature === undefined)
    return [{ field: `grants[${index}]`, detail: 'has no asset or no signature' }]
  const { shown } = await trial.appraisal()
  if (shown === undefined)
    return [{ field: `grants[${index}]`, detail: 'there is no authentic evidence to hold it to' }]
  const node = chainCells.node(binding.receiptKey)
  const signer = await signerOf(messageDigest(trial.domain, 'Grant', grant), signature)
  const decision = decideGrant(
    grant,
    {
      app: order.app,
      asset,
      requester: order.requester,
      operator: await trial.address(node.operator),
      measurement: shown.measurement,
      tcb: shown.tcb,
      tier: Number(await trial.number(node.tier)),
      outputBytesMax: outputBytesMax(trial),
      now: checkpoint.blockTime,
      usesBefore: 0, // The chain counted them when the order was placed.
    },
    {
      assetOwner: await trial.address(chainCells.asset(asset).owner),
      signatureValid: sameHex(grant.owner, signer),
      revoked: false, // A later revocation stops releases, not the payment of these.
    },
  )
  return decision.kind === 'allowed'
    ? []
    : [{ field: `grants[${index}].${decision.field}`, detail: decision.detail }]
}

// All that an app may put out: the sum over its manifest's outputs. Without a manifest nothing is small enough.
function outputBytesMax(trial: ReceiptCase): number {
  const app = trial.deployment.apps.find(({ id }) => sameHex(id, trial.file.bundle.order.app))
  const outputs = member(app?.manifest, 'outputs')
  if (!isList(outputs)) return Number.POSITIVE_INFINITY
  return outputs.reduce<number>((sum, output) => {
    const bytes = member(output, 'bytesMax')
    return sum + (typeof bytes === 'number' && bytes >= 0 ? bytes : Number.POSITIVE_INFINITY)
  }, 0)
}

function member(value: Json | undefined, key: string): Json | undefined {
  if (typeof value !== 'object' || value === null || isList(value)) return undefined
  return Object.hasOwn(value, key) ? value[key] : undefined
}

function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value)
}
