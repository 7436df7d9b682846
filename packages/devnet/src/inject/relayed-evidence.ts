import { parseHex } from '@cloister/codec'
import { measureTd, type Platform, type TdMeasurement } from '@cloister/emulator'
import { createHttpApp, readJsonBody, serveHttp } from '@cloister/io'
import { hexField, objectField } from '@cloister/protocol'
import { bytesToHex } from 'viem'

import type { Devnet } from '../up.ts'
import type { Beside, Injection } from './injection.ts'
import {
  drawOf,
  nobodySlashed,
  releasesRecorded,
  runTraining,
  secondNodeFinished,
} from './observe.ts'

const evidenceRefused = 4

/** The drawn node's attempt quote is genuine but comes from another machine. */
export const relayedEvidence: Injection = {
  name: 'relayed-evidence',
  expected: 'keepers refuse with signed refusals, attempt 2 finishes on another node',
  devnet: { hostFaults: ['relay-machine', 'first-attempts-only'] },
  beside: otherMachine,
  run: async (scene) => {
    const task = await runTraining(scene)
    const refusals = task.events.filter(
      (event) => event.kind === 'release-refused' && event.attempt === 1,
    )
    const forEvidence = refusals.filter(
      (event) => event.kind === 'release-refused' && event.reason === evidenceRefused,
    )
    // The drawn node's own keeper sees its enclave's own quote; its share alone is worth nothing.
    const drawn = scene.devnet.nodes.find(({ operator }) => operator === drawOf(task, 1)?.operator)
    const released = releasesRecorded(scene, task.id, 1).filter(({ node }) => node !== drawn?.index)
    return {
      findings: [
        {
          holds: forEvidence.length >= 1 && forEvidence.length === refusals.length,
          says: `keepers’ signed refusals stand on chain (${refusals.length}, all of them about the evidence)`,
        },
        {
          holds: drawn !== undefined && released.length === 0,
          says: 'no other keeper recorded a release for attempt 1',
        },
        ...secondNodeFinished(task, ['refused-by-keepers']),
        await nobodySlashed(scene),
      ],
      txs: refusals.map(({ transaction }) => transaction),
      tasks: [task],
    }
  },
}

/** A machine with evidence as good as any node's, that runs the same program and signs whatever report data it is asked for. */
async function otherMachine(): Promise<Beside> {
  let machine: { readonly platform: Platform; readonly td: TdMeasurement } | undefined
  const app = createHttpApp()
  app.post('/quote', async (c) => {
    const body = objectField({ reportData: hexField(64) }).parse(await readJsonBody(c), 'body')
    if (machine === undefined) return c.json({ error: 'not ready' }, 503)
    const { mrtd, rtmrs } = machine.td
    const quote = machine.platform.quote({ mrtd, rtmrs, reportData: parseHex(body.reportData) })
    return c.json({ quote: bytesToHex(quote) })
  })
  const server = await serveHttp({ app, port: 0 })
  return {
    quoteRelay: `${server.url}/quote`,
    attach: async ({ manufacturer, image }: Devnet) => {
      const machineSeed = new TextEncoder().encode('cloister devnet machine that nobody admitted')
      const platform = manufacturer.createPlatform({ machineSeed, tcb: 'UpToDate' })
      machine = { platform, td: await measureTd(image) }
    },
    close: () => server.close(),
  }
}
