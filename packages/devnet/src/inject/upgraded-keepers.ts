import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { OperationError, parseHex, parseJson } from '@cloister/codec'

import { orderAgain, type Scene } from '../demo/story.ts'
import { readChainData } from '../demo/leak-search.ts'
import { encodedNeedles, type Needle } from '../leaks/canary.ts'
import { scanBytes, scanFolder, type Leak } from '../leaks/scan.ts'
import type { DevnetNode } from '../node.ts'
import type { RuntimeImage } from '../runtime-image.ts'
import { waitCertified } from '../up.ts'
import type { Finding, Injection } from './injection.ts'
import { bundleOf, isSettled, nobodySlashed, readLog, runTraining } from './observe.ts'

const recoverySeconds = 90

/** Every keeper is restarted in turn, then upgraded in turn to a runtime that the owners' policies list; no owner is there. */
export const upgradedKeepers: Injection = {
  name: 'upgraded-keepers',
  expected:
    'each restarted and each upgraded keeper gets its shares back from the others without the owners, a task is served by upgraded keepers alone, and no share lies on a disk or in recorded traffic',
  devnet: { withUpgrade: true },
  cast: { usesMax: 3 },
  run: async (scene) => {
    const { narrator } = scene
    const first = await runTraining(scene)
    const findings: Finding[] = [
      { holds: isSettled(first), says: 'a first task was accepted and paid' },
    ]
    narrator.phase('every keeper is restarted in turn')
    for (const index of [1, 2, 3]) {
      const back = await restartAs(scene, index, (image) => image)
      findings.push({ holds: back, says: `restarted, keeper ${index} has its shares again` })
      if (!back) return { findings, txs: [], tasks: [first] }
    }
    narrator.phase('every keeper is upgraded in turn')
    for (const index of [1, 2, 3]) {
      const back = await restartAs(scene, index, scene.devnet.upgradeOf)
      findings.push({ holds: back, says: `upgraded, keeper ${index} has its shares again` })
      if (!back) return { findings, txs: [], tasks: [first] }
    }
    narrator.phase('a task needs them; its owners are not there')
    const follower = await orderAgain(scene)
    const second = await follower.ended
    const { releases } = await bundleOf(scene, second.id)
    const keepers = new Set(releases.map(({ release }) => release.keeper.toLowerCase()))
    const current = scene.devnet.nodes.map(({ receiptKey }) => receiptKey.toLowerCase())
    const { leaks, searched } = await searchShares(scene)
    findings.push(
      {
        holds: isSettled(second) && [...keepers].every((key) => current.includes(key)),
        says: 'a second task was accepted and paid, its shares released by upgraded keepers',
      },
      {
        holds: leaks.length === 0,
        says: `no share and no data key in ${searched} files, in recorded traffic and on the chains (${leaks.map(({ place }) => place).join(', ') || 'none'})`,
      },
      await nobodySlashed(scene),
    )
    return { findings, txs: [], tasks: [first, second] }
  },
}

async function restartAs(
  scene: Scene,
  index: number,
  imageOf: (image: RuntimeImage) => RuntimeImage,
): Promise<boolean> {
  const { devnet } = scene
  const before = devnet.nodes.find((node) => node.index === index)
  if (before === undefined)
    throw new OperationError('no-node', `Cannot restart node ${index}: there is none`)
  const known = sharesBack(scene, index)
  await before.kill()
  const image = imageOf(before.image)
  const node = await devnet.startNode({ index, image, tcb: 'UpToDate', hostFaults: [] })
  await waitCertified(devnet.home, devnet.deployment.home.contracts, node)
  return awaitShares(scene, node, known)
}

// A node's log goes on when it restarts.
function sharesBack(scene: Scene, index: number): number {
  return readLog(scene, `node-${index}`).filter(({ message }) => message === 'A lost share is back')
    .length
}

async function awaitShares(scene: Scene, node: DevnetNode, known: number): Promise<boolean> {
  const wanted = known + scene.belongings.clinics.length + 1
  const deadline = performance.now() + recoverySeconds * 1000
  while (performance.now() < deadline) {
    if (sharesBack(scene, node.index) >= wanted) return true
    await sleep(200)
  }
  return false
}

/** Looks for every share and data key of every owner in all that the network wrote, and on its chains. */
async function searchShares(
  scene: Scene,
): Promise<{ readonly leaks: readonly Leak[]; readonly searched: number }> {
  const { devnet } = scene
  const { root } = devnet.folders
  const owners = join(root, 'owners')
  const needles = readdirSync(owners).flatMap((owner) => secretsOf(join(owners, owner)))
  if (needles.length === 0)
    throw new OperationError('search-blind', 'Cannot search for shares: no owner has any')
  const knownDigests = new Set(devnet.nodes.flatMap(({ image }) => [...image.digests]))
  const scanned = scanFolder(root, needles, { except: [owners], knownDigests })
  const chains = await readChainData(devnet)
  const onChain = chains.flatMap(({ name, bytes }) => scanBytes(bytes, needles, name))
  return { leaks: [...scanned.leaks, ...onChain], searched: scanned.filesSearched }
}

// An owner's own saved state: the one place where a share is written out.
function secretsOf(folder: string): readonly Needle[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.state.json'))
    .flatMap((name) => {
      const text = readFileSync(join(folder, name), 'utf8')
      const state = parseJson(text, name, { charactersMax: 1_000_000, depthMax: 8 })
      if (typeof state !== 'object' || state === null || Array.isArray(state)) return []
      const fields = Object.entries(state)
      const shares = fields.find(([field]) => field === 'secretShares')?.[1]
      const key = fields.find(([field]) => field === 'secretDataKey')?.[1]
      return [...(Array.isArray(shares) ? shares : []), key].flatMap((secret) =>
        typeof secret === 'string' ? encodedNeedles(`${folder}/${name}`, parseHex(secret)) : [],
      )
    })
}
