import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { fetchJson, refusalOf } from '@cloister/io'
import { nodeRegistryAbi, quorum, sameHex } from '@cloister/protocol'
import { getAddress } from 'viem'

import type { Scene } from '../demo/story.ts'
import type { DevnetNode, NodeOptions } from '../node.ts'
import type { RuntimeImage } from '../runtime-image.ts'
import type { Finding, Injection, Outcome } from './injection.ts'
import { drawOf, isSettled, nobodySlashed, runTraining } from './observe.ts'

/** A fourth node runs an enclave bundle altered by one byte. */
export const badMeasurement: Injection = {
  name: 'bad-measurement',
  expected: 'the altered enclave is not admitted, and the task runs elsewhere',
  run: (scene) =>
    withFourthNode(scene, { image: alteredImage(scene), tcb: 'UpToDate' }, /measurement/i),
}

/** A fourth node's machine has an outdated TCB: of the first node's kind, which is Intel's, whose documents say so. */
export const staleTcb: Injection = {
  name: 'stale-tcb',
  expected: 'the node with an outdated platform is not admitted, and the task runs elsewhere',
  run: (scene) =>
    withFourthNode(scene, { image: imageOf(scene), tcb: 'OutOfDate' }, /tcb|OutOfDate/i),
}

async function withFourthNode(
  scene: Scene,
  chosen: Pick<NodeOptions, 'image' | 'tcb'>,
  reason: RegExp,
): Promise<Outcome> {
  const { devnet, narrator } = scene
  narrator.phase('a fourth node asks to be admitted')
  const node = await devnet.startNode({ index: 4, hostFaults: [], ...chosen })
  const refusals = await askAll(scene, node, reason)
  const task = await runTraining(scene)
  const certified = await devnet.home.read({
    address: devnet.deployment.home.contracts.nodeRegistry,
    abi: nodeRegistryAbi,
    functionName: 'certified',
    args: [getAddress(node.receiptKey)],
  })
  const drawn = drawOf(task, 1)
  const findings: readonly Finding[] = [
    refusals,
    { holds: !certified, says: 'the fourth node is not certified' },
    {
      holds: isSettled(task) && drawn !== undefined && !sameHex(drawn.node, node.receiptKey),
      says: 'another node ran the task and was paid',
    },
    await nobodySlashed(scene),
  ]
  return { findings, txs: [], tasks: [task] }
}

/** What each verifier answers to the node's wish. */
async function askAll({ devnet }: Scene, node: DevnetNode, reason: RegExp): Promise<Finding> {
  const { verifiers } = devnet.deployment
  // Its own host asks as well; a moment later all have heard of it.
  await sleep(1_500)
  const answers = await Promise.all(
    verifiers.map(({ url }) =>
      fetchJson(`${url}/v1/admissions`, { json: { url: node.url }, timeoutMs: 15_000 }).then(
        () => 'signed it',
        (error: unknown) => refusalOf(error)?.message ?? 'gave no answer',
      ),
    ),
  )
  const refusing = answers.filter((answer) => reason.test(answer))
  return {
    holds: refusing.length >= quorum(verifiers.length),
    says: `${refusing.length} of ${verifiers.length} verifiers refuse to sign its admission (${answers[0] ?? ''})`,
  }
}

/** What the first node runs. */
function imageOf({ devnet }: Scene): RuntimeImage {
  const [node] = devnet.nodes
  if (node === undefined) throw new RangeError('Cannot copy a node: there is none')
  return node.image
}

/** What an honest node runs, with one letter of one message changed. */
function alteredImage(scene: Scene): RuntimeImage {
  const image = imageOf(scene)
  const { folders } = scene.devnet
  const folder = join(folders.build, 'altered')
  mkdirSync(folder, { recursive: true })
  const files = image.files.map((file) => {
    if (file.name !== image.entry) return file
    const bytes = readFileSync(file.path)
    const at = bytes.indexOf('Cannot ')
    if (at < 0) throw new RangeError(`Cannot alter ${file.path}: it holds no message`)
    bytes.write('K', at)
    const path = join(folder, file.name)
    writeFileSync(path, bytes)
    return { ...file, path }
  })
  return { ...image, files }
}
