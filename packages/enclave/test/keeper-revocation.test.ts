import { encodeUtf8 } from '@cloister/codec'
import { assetRegistryAbi, parseMessage } from '@cloister/protocol'
import * as fc from 'fast-check'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'

import { people } from './world/home-chain.ts'
import { startNetwork, type Network } from './world/network.ts'
import { captureRequest, object, outcomeOf } from './world/requests.ts'
import { sealAsset, type SealedAsset } from './world/tasks.ts'

let network: Network
let assets: SealedAsset[]
beforeAll(async () => {
  network = await startNetwork()
  assets = [
    await sealAsset(network, people.owners[0], encodeUtf8('1,2,a\n2,1,b\n')),
    await sealAsset(network, people.requester, encodeUtf8('not parameters')),
  ]
}, 120_000)
afterAll(() => network?.stop())
afterEach(() => {
  vi.restoreAllMocks()
  for (const { host } of network.nodes)
    for (const name of Object.keys(host.lies)) delete host.lies[name]
})

/** Everything that a keeper asks its host for while it releases: before, between and after each the owner may revoke. */
const points = [
  ...['chain.checkpoint', 'chain.proof', 'chain.order', 'chain.keepers'],
  ...['keeper.call', 'journal.append', 'collateral'],
]

test('no share leaves under a checkpoint in which the grant is revoked, wherever in the release the revocation falls', async () => {
  const seen = { released: 0, refused: 0 }
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.nat({ max: 24 }),
      fc.nat({ max: 24 }),
      async (scheduler, revokeAfter, waitAfter) => {
        const { keeper, request, grant } = await captureRequest(network, assets)
        const heights: bigint[] = []
        let ahead = 0
        const real = performance.now.bind(performance)
        vi.spyOn(performance, 'now').mockImplementation(() => real() + ahead)
        const { assetRegistry } = network.chain.contracts
        let revokedIn: bigint | undefined
        let calls = 0
        const revoke = async () => {
          const args = [grant]
          const receipt = await network.chain.send(
            ...([people.owners[0], assetRegistry, assetRegistryAbi, 'revokeGrant', args] as const),
          )
          revokedIn = receipt.blockNumber
        }
        const step = scheduler.scheduleFunction(async (name: string) => {
          if (calls === waitAfter) ahead += 6_000 // So late that the keeper has to look again.
          if (calls++ === revokeAfter) await revoke()
          return name
        })
        for (const name of points)
          keeper.lies[name] = async (_params, honest) => {
            await step(name)
            const answer = await honest()
            if (name === 'chain.checkpoint') {
              const { checkpoint } = object(answer.result)
              heights.push(parseMessage('Checkpoint', checkpoint!, 'checkpoint').height)
            }
            return answer
          }
        const outcome = await scheduler.waitFor(outcomeOf(network, keeper, request))
        for (const name of points) delete keeper.lies[name]
        vi.restoreAllMocks()
        const shown = heights.filter((height) => revokedIn !== undefined && height >= revokedIn)
        if (outcome === 'released') expect(shown).toEqual([])
        if (shown.length > 0) expect([1, 'no-countersignature']).toContain(outcome)
        if (outcome === 'released') seen.released++
        else seen.refused++
      },
    ),
    { numRuns: 20, endOnFailure: true },
  )
  expect(seen.released).toBeGreaterThan(0)
  expect(seen.refused).toBeGreaterThan(0)
}, 300_000)
