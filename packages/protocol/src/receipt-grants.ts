import type { Address } from 'viem'

import { chainCells } from './chain-cells.ts'
import { messageDigest } from './digest.ts'
import { decideGrant, otherOwners } from './grants.ts'
import { sameHex } from './ids.ts'
import { evidenceDigest } from './node-evidence.ts'
import { differs, unless, type Problem } from './problems.ts'
import type { ReceiptCase } from './receipt-case.ts'
import { checkReleases, checkReleaseSignatures } from './receipts.ts'
import { signerOf } from './signatures.ts'
import { teeNumbers } from './tees.ts'

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
  const record = chainCells.node(binding.receiptKey)
  const approved = (await trial.approvals()).some((approval) =>
    sameHex(approval.releaseKey, grant.releaseKey),
  )
  const signer = await signerOf(messageDigest(trial.domain, 'Grant', grant), signature)
  const { app, requester, tees, epsilonMicros, deltaPicos } = order
  const decision = decideGrant(
    grant,
    {
      ...{ app, asset, requester, tees, epsilonMicros, deltaPicos },
      ownersOthers: otherOwners(await assetOwners(trial), requester),
      manifest: trial.manifest(),
      node: {
        tee: teeNumbers[shown.tee],
        operator: await trial.address(record.operator),
        measurement: shown.measurement,
        approvedUntil: approved ? checkpoint.blockTime + 1n : 0n,
        tcb: shown.tcb,
        tier: Number(await trial.number(record.tier)),
      },
      now: checkpoint.blockTime,
      // The chain counted them when the order was placed.
      used: { tasks: 0, tasksToday: 0, epsilonMicros: 0n, deltaPicos: 0n },
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

async function assetOwners(trial: ReceiptCase): Promise<readonly Address[]> {
  const owners: Address[] = []
  for (const asset of trial.file.bundle.order.assets)
    owners.push(await trial.address(chainCells.asset(asset).owner))
  return owners
}
