import { limits, type Deployment, type Fact, type ReceiptFile } from '@cloister/protocol'
import {
  collectReceipt,
  encodeReceiptFile,
  parseReceiptFile,
  verifyReceiptFile,
} from '@cloister/sdk'
import { OperationError } from '@cloister/codec'

import type { Answer, CommandSpec, Given } from './command.ts'
import { exitCodes } from './exit-codes.ts'
import { readInput, refuseExisting, writeOutput } from './files.ts'
import { forceOption, outOption, writeRule } from './output-options.ts'
import { deploymentOption, openSession, readDeployment } from './session.ts'
import { parseId, sayTime, wholeNumber } from './values.ts'

/** `cloister receipt`. */
export const receiptCommands: readonly CommandSpec[] = [
  {
    usage: 'verify <FILE>',
    about:
      'check offline everything that a receipt file claims; exits 0 only if all of it is proved',
    options: [deploymentOption],
    run: async (given) => {
      const deployment = readDeployment(given)
      return judge(await verifyReceiptFile(readReceipt(given), deployment))
    },
  },
  {
    usage: 'show <FILE>',
    about: 'what a receipt file says, in words; nothing is checked',
    run: async (given) => show(readReceipt(given)),
  },
  {
    usage: 'collect <TASK>',
    about: 'collect the receipt of an accepted task and all that proves it into one file',
    options: [
      deploymentOption,
      outOption('the receipt file'),
      forceOption,
      {
        flags: '--timeout <SECONDS>',
        about: 'how long the chain may take to cover the judgement; 60 unless said',
      },
    ],
    run: async (given, run) => {
      const task = parseId('task', given.argument(0))
      const out = given.needed('out')
      const rule = writeRule(given, 'receipt file')
      refuseExisting(out, rule)
      const seconds = given.read('timeout', wholeNumber(0, 86_400)) ?? 60
      const client = await openSession(given, run)
      const file = await collectReceipt(client, task, { timeoutMs: seconds * 1000 })
      await requireProved(file, client.deployment)
      const bytes = encodeReceiptFile(file)
      writeOutput(out, bytes, rule)
      const value = { task, path: out, bytes: bytes.length }
      return { schema: 'cloister.receipt.collect/1', value, text: `${out} (${bytes.length} bytes)` }
    },
  },
]

function readReceipt(given: Given): ReceiptFile {
  const rule = { what: 'receipt file', bytesMax: limits.receiptFileBytesMax }
  return parseReceiptFile(readInput(given.argument(0), rule))
}

function judge(facts: readonly Fact[]): Answer {
  const failed = facts.filter((fact) => !fact.proved)
  const lines = facts.map(
    ({ name, proved, detail }) =>
      `${proved ? 'proved    ' : 'NOT PROVED'} ${name.padEnd(14)} ${detail}`,
  )
  const verdict =
    failed.length === 0
      ? `All ${facts.length} facts are proved.`
      : `${failed.length} of ${facts.length} facts are NOT PROVED: ${failed.map(({ name }) => name).join(', ')}.`
  return {
    schema: 'cloister.receipt.verify/1',
    value: { proved: failed.length === 0, facts },
    text: [...lines, verdict].join('\n'),
    exit: failed.length === 0 ? exitCodes.ok : exitCodes.refused,
  }
}

async function requireProved(file: ReceiptFile, deployment: Deployment): Promise<void> {
  const facts = await verifyReceiptFile(file, deployment)
  const failed = facts.find((fact) => !fact.proved)
  if (failed === undefined) return
  throw new OperationError(
    'not-proved',
    `Cannot write the receipt file: what the network handed out does not prove ${failed.name} (${failed.detail}); try again later, or with another deployment file`,
  )
}

function show(file: ReceiptFile): Answer {
  const { receipt, posting, bundle, judgement, checkpoint } = file
  const { order, releases, binding } = bundle
  const value = {
    task: receipt.task,
    attempt: receipt.attempt,
    app: receipt.app,
    requester: order.requester,
    feeWei: order.feeWei,
    assets: order.assets,
    node: binding.receiptKey,
    machine: binding.machineId,
    output: { digest: receipt.outputDigest, bytes: receipt.outputBytes },
    time: receipt.time,
    posting: posting.bundleDigest,
    releases: releases.map(({ release }) => ({
      asset: release.asset,
      keeper: release.keeper,
      time: release.time,
    })),
    judgement: {
      epoch: judgement.epoch,
      verdict: judgement.vote.verdict,
      signatures: judgement.signatures.length,
    },
    checkpoint: { height: checkpoint.height, blockHash: checkpoint.blockHash },
  }
  const text = [
    `task       ${value.task}, attempt ${value.attempt}`,
    `app        ${value.app}`,
    `requester  ${value.requester}, fee ${value.feeWei} wei`,
    ...value.assets.map((asset, index) => `input ${index}    ${asset}`),
    `node       ${value.node}`,
    `machine    ${value.machine}`,
    `output     ${value.output.digest} (${value.output.bytes} bytes)`,
    `time       ${sayTime(value.time)}`,
    ...value.releases.map(({ keeper, asset }) => `key share  of ${asset} released by ${keeper}`),
    `judgement  ${value.judgement.verdict === 1 ? 'accepted' : 'refused'}, ${value.judgement.signatures} signatures of epoch ${value.judgement.epoch}`,
    `checkpoint block ${value.checkpoint.height}, ${value.checkpoint.blockHash}`,
    'Nothing of this was checked: cloister receipt verify does that.',
  ].join('\n')
  return { schema: 'cloister.receipt.show/1', value, text }
}
