import { setTimeout as sleep } from 'node:timers/promises'

import { OperationError } from '@cloister/codec'
import { isRunning } from '@cloister/io'
import { sameHex } from '@cloister/protocol'

import { orderAgain, type Scene } from '../demo/story.ts'
import type { DevnetNode } from '../node.ts'
import { waitCertified } from '../up.ts'
import type { Finding, Injection } from './injection.ts'
import { bundleOf, isSettled, nobodySlashed, readLog, runTraining } from './observe.ts'

const recoverySeconds = 60

/** One node is killed before the release; after its restart it gets its shares back and releases them. */
export const deadKeeper: Injection = {
  name: 'dead-keeper',
  expected:
    'two shares suffice; after its restart the killed node attests again, gets its shares back from the other two, and releases them',
  cast: { usesMax: 2 },
  run: async (scene) => {
    const { devnet, narrator } = scene
    const { contracts } = devnet.deployment.home
    let dead: DevnetNode | undefined
    const first = await runTraining(scene, async ({ operator }) => {
      dead = devnet.nodes.find((node) => !sameHex(node.operator, operator))
      await dead?.kill()
    })
    const killed = requireNode(dead)
    const gone = !isRunning(killed.host.pid)
    const releasedBy = await keepersOf(scene, first.id)
    narrator.phase('the killed node starts again, attests, and gets its shares back')
    const back = await devnet.startNode({
      index: killed.index,
      image: killed.image,
      tcb: 'UpToDate',
      hostFaults: [],
    })
    await waitCertified(devnet.home, contracts, back)
    const recovered = await awaitRecovery(scene, back)

    const withTwo: readonly Finding[] = [
      {
        holds: gone && isSettled(first),
        says: 'the task was accepted and paid with one keeper dead',
      },
      {
        holds: releasedBy.size === 2 && !releasedBy.has(killed.receiptKey.toLowerCase()),
        says: 'two keepers released, the dead one was none of them',
      },
      {
        holds: recovered && !sameHex(back.receiptKey, killed.receiptKey),
        says: 'the restarted node was admitted with new keys and has all of its shares again',
      },
    ]
    // Without its shares a task that needs them would only run out of time.
    if (!recovered) return { findings: withTwo, txs: [], tasks: [first] }

    narrator.phase('another keeper dies; the restarted one is needed now')
    const follower = await orderAgain(scene)
    const drawn = await follower.until(({ kind }) => kind === 'drawn')
    const other = devnet.nodes.find(
      (node) =>
        node.index !== back.index &&
        drawn?.kind === 'drawn' &&
        !sameHex(node.operator, drawn.operator),
    )
    await other?.kill()
    const second = await follower.ended
    const releasedLater = await keepersOf(scene, second.id)
    return {
      findings: [
        ...withTwo,
        {
          holds: isSettled(second) && releasedLater.has(back.receiptKey.toLowerCase()),
          says: 'with another keeper dead, the restarted node released its shares and a second task was paid',
        },
        await nobodySlashed(scene),
      ],
      txs: [],
      tasks: [first, second],
    }
  },
}

/** Receipt keys of the keepers that released for a task's accepted attempt. */
async function keepersOf(scene: Scene, task: `0x${string}`): Promise<ReadonlySet<string>> {
  const { releases } = await bundleOf(scene, task)
  return new Set(releases.map(({ release }) => release.keeper.toLowerCase()))
}

async function awaitRecovery(scene: Scene, node: DevnetNode): Promise<boolean> {
  const assets = scene.belongings.clinics.length + 1
  const deadline = performance.now() + recoverySeconds * 1000
  while (performance.now() < deadline) {
    const back = readLog(scene, `node-${node.index}`).filter(
      ({ message }) => message === 'A lost share is back',
    )
    if (back.length >= assets) return true
    await sleep(200)
  }
  return false
}

function requireNode(node: DevnetNode | undefined): DevnetNode {
  if (node !== undefined) return node
  throw new OperationError('nobody-drawn', 'Cannot kill a keeper: no node was drawn')
}
