import {
  digestOf,
  marketAbi,
  messageDigest,
  settlementAbi,
  zeroHash,
  type Posting,
} from '@cloister/protocol'
import { readTask } from '@cloister/sdk'
import { encodeUtf8 } from '@cloister/codec'
import { keccak256, type Hex } from 'viem'

import { accountOf } from '../accounts.ts'
import { orderAgain } from '../demo/story.ts'
import type { Injection } from './injection.ts'
import { drawOf, isSettled, nobodySlashed, runTraining } from './observe.ts'
import { sendHostile, type HostileCall } from './hostile-call.ts'

/** A stranger posts a bad receipt in the drawn node's name. */
export const framedNode: Injection = {
  name: 'framed-node',
  expected: 'the chain refuses the posting, nothing happens to the node, the task finishes',
  run: async (scene) => {
    const { devnet, client } = scene
    const { market, settlement } = devnet.deployment.home.contracts
    const calls: HostileCall[] = []
    const task = await runTraining(scene, async ({ attempt, node }, { id }) => {
      const stranger = accountOf('stranger')
      const { feeWei } = await readTask(client, id)
      const receipt = {
        ...{ task: id, attempt, orderDigest: zeroHash, app: zeroHash, binding: zeroHash },
        ...{ inputsRoot: zeroHash, outputDigest: digestOf(encodeUtf8(node)), outputBytes: 20n },
        ...{ releasesRoot: zeroHash, checkpoint: zeroHash, time: 1n, nonce: zeroHash },
        ...{ outputCommitment: digestOf(encodeUtf8(node)), spentWei: feeWei },
        ...{ epsilonMicros: 0n, deltaPicos: 0n },
      }
      const receiptDigest = messageDigest(client.domain, 'Receipt', receipt)
      const receiptSignature = await stranger.sign({ hash: receiptDigest })
      const posting: Posting = {
        ...{ task: id, attempt, receiptDigest, bundleDigest: zeroHash },
        receiptSignatureHash: keccak256(receiptSignature),
        spentWei: receipt.spentWei,
        outputCommitment: receipt.outputCommitment,
      }
      const signature = await stranger.sign({
        hash: messageDigest(client.domain, 'Posting', posting),
      })
      calls.push(
        await sendHostile(devnet.home, 'stranger', {
          address: market,
          abi: marketAbi,
          functionName: 'post',
          args: [posting, signature],
        }),
        await sendHostile(devnet.home, 'stranger', {
          address: settlement,
          abi: settlementAbi,
          functionName: 'proveForgedReceipt',
          args: [posting, signature, receipt, receiptSignature],
        }),
      )
    })
    const [posted, proved] = calls
    return {
      findings: [
        {
          holds: posted?.error === 'OperatorDidNotSign',
          says: `the stranger’s posting: ${sayCall(posted)}`,
        },
        {
          holds: proved?.refused === true,
          says: `the stranger’s proof against the node: ${sayCall(proved)}`,
        },
        {
          holds: isSettled(task) && drawOf(task, 2) === undefined,
          says: 'attempt 1 was accepted and paid',
        },
        await nobodySlashed(scene),
      ],
      txs: calls.map(({ transaction }) => transaction),
      tasks: [task],
    }
  },
}

/** After the training a host posts its receipt again, and for the next task. */
export const replayedReceipt: Injection = {
  name: 'replayed-receipt',
  expected: 'the chain refuses the old receipt both times, nothing is paid twice',
  cast: { usesMax: 2 },
  run: async (scene) => {
    const { devnet, narrator } = scene
    const first = await runTraining(scene)
    const posted = first.events.find((event) => event.kind === 'posted')
    if (posted?.kind !== 'posted') throw new RangeError('Cannot replay: nothing was posted')
    const { posting, operatorSignature } = posted
    const post = (task: Hex) =>
      sendHostile(devnet.home, 'challenger', {
        address: devnet.deployment.home.contracts.market,
        abi: marketAbi,
        functionName: 'post',
        args: [{ ...posting, task }, operatorSignature],
      })
    const again = await post(first.id)
    narrator.phase('the same training is ordered once more')
    const follower = await orderAgain(scene)
    await follower.until(({ kind }) => kind === 'drawn')
    const moved = await post(follower.id)
    const second = await follower.ended
    return {
      findings: [
        { holds: again.error === 'WrongState', says: `the receipt once more: ${sayCall(again)}` },
        {
          holds: moved.error === 'OperatorDidNotSign',
          says: `the receipt for the next task: ${sayCall(moved)}`,
        },
        {
          holds: [first, second].every(isSettled),
          says: 'each of the two tasks was paid exactly once',
        },
        await nobodySlashed(scene),
      ],
      txs: [again.transaction, moved.transaction],
      tasks: [first, second],
    }
  },
}

function sayCall(call: HostileCall | undefined): string {
  if (call === undefined) return 'never sent'
  return call.refused ? `the chain refused it (${call.error})` : 'THE CHAIN TOOK IT'
}
