import { devnetTerms } from '../deploy.ts'
import type { Injection } from './injection.ts'
import {
  drawOf,
  onlySlashed,
  readLog,
  releasesRecorded,
  runTraining,
  secondNodeFinished,
} from './observe.ts'

const attemptSeconds = 20

/** The drawn node never answers in attempt 1. */
export const silentNode: Injection = {
  name: 'silent-node',
  expected: 'the attempt times out, the silent node pays, attempt 2 finishes on another node',
  devnet: { hostFaults: ['go-silent', 'first-attempts-only'] },
  cast: { attemptSeconds },
  run: async (scene) => {
    const task = await runTraining(scene)
    const operator = drawOf(task, 1)?.operator
    const slashed = await onlySlashed(scene, operator, devnetTerms.missWei, 'the silent node paid')
    return {
      findings: [...secondNodeFinished(task, ['silent']), slashed.finding],
      txs: slashed.txs,
      tasks: [task],
    }
  },
}

/** The drawn node's host alters the output and the receipt's digest, and its operator signs that. */
export const forgedResult: Injection = {
  name: 'forged-result',
  expected:
    'verifiers refuse the forged receipt, the operator loses stake by its own signature, attempt 2 finishes on another node',
  devnet: { hostFaults: ['alter-output', 'first-attempts-only'] },
  run: async (scene) => {
    const task = await runTraining(scene)
    const operator = drawOf(task, 1)?.operator
    const { forgedReceiptWei } = devnetTerms
    const slashed = await onlySlashed(scene, operator, forgedReceiptWei, 'the forger lost stake')
    return {
      findings: [...secondNodeFinished(task, ['refused-by-verifiers', 'forged']), slashed.finding],
      txs: slashed.txs,
      tasks: [task],
    }
  },
}

/** The drawn node's host shows its enclave a stale checkpoint, then a forged one, then wrong storage proofs. */
export const lyingHost: Injection = {
  name: 'lying-host',
  expected:
    'the enclave believes none of its host’s lies, no share is released for attempt 1, attempt 2 finishes on another node',
  devnet: { hostFaults: ['lie-about-chain', 'first-attempts-only'] },
  cast: { attemptSeconds },
  run: async (scene) => {
    const task = await runTraining(scene)
    const drawn = drawOf(task, 1)
    const liar = scene.devnet.nodes.find(({ operator }) => operator === drawn?.operator)
    const said = readLog(scene, `node-${liar?.index ?? 0}`)
      .map(({ text }) => text)
      .filter((text) => text.includes(task.id) && /"(?:warn|error)"/.test(text))
    const lies = [
      { lie: 'a stale checkpoint', answer: /made for another nonce/ },
      { lie: 'a forged checkpoint', answer: /checkpoint-refused: .*signature/i },
      { lie: 'a wrong storage proof', answer: /chain-proof-refused/ },
    ]
    const released = releasesRecorded(scene, task.id, 1)
    const slashed = await onlySlashed(
      scene,
      drawn?.operator,
      devnetTerms.missWei,
      'the liar paid for its silence',
    )
    return {
      findings: [
        ...lies.map(({ lie, answer }) => ({
          holds: said.some((text) => answer.test(text)),
          says: `the enclave refused ${lie}`,
        })),
        { holds: released.length === 0, says: 'no keeper recorded a release for attempt 1' },
        ...secondNodeFinished(task, ['silent']),
        slashed.finding,
      ],
      txs: slashed.txs,
      tasks: [task],
    }
  },
}
