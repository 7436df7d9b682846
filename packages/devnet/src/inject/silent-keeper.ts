import { keeperDutyAbi, nodeRegistryAbi, sameHex } from '@cloister/protocol'
import { getAddress, parseEventLogs } from 'viem'

import { accountOf } from '../accounts.ts'
import type { Scene } from '../demo/story.ts'
import { devnetTerms } from '../deploy.ts'
import { waitCertified } from '../up.ts'
import type { Injection } from './injection.ts'
import { readMoneyMoved } from './money-moved.ts'
import { drawOf, isSettled, runTraining } from './observe.ts'

const silentPlace = 1

/** No keeper answers by HTTP. One answers on chain when it is asked there, another one is silent there, too. */
export const silentKeeper: Injection = {
  name: 'silent-keeper',
  expected:
    'the node demands the missing shares on chain: one keeper answers there and gets the deposits, the silent one loses part of its bond, the task completes in its first attempt',
  devnet: { hostFaults: ['slow-keeper'] },
  cast: { attemptSeconds: 150 },
  run: async (scene) => {
    const { devnet, narrator } = scene
    narrator.phase('one keeper turns silent, and takes no tasks itself')
    const silent = await makeSilent(scene)
    const task = await runTraining(scene)
    const events = await dutyEvents(scene)
    const answered = events.filter(({ eventName }) => eventName === 'Answered')
    const lapsed = events.filter(({ eventName }) => eventName === 'Lapsed')
    const { slashes } = await readMoneyMoved(devnet)
    const assets = scene.belongings.clinics.length + 1
    const runner = drawOf(task, 1)?.operator
    return {
      findings: [
        {
          holds: isSettled(task) && drawOf(task, 2) === undefined,
          says: 'the task was accepted and paid in its first attempt',
        },
        {
          holds: answered.length === assets && !sameHex(runner ?? '', silent),
          says: `a keeper answered ${answered.length} demands on chain, one for each asset`,
        },
        {
          holds: lapsed.length === assets && slashes.length === assets,
          says: `${lapsed.length} demands lapsed`,
        },
        {
          holds: slashes.every(
            ({ account, amountWei }) =>
              sameHex(account, silent) && amountWei === devnetTerms.lapseWei,
          ),
          says: 'the silent keeper paid for each, and nobody else did',
        },
      ],
      txs: slashes.map(({ transaction }) => transaction),
      tasks: [task],
    }
  },
}

// Paused, a node is drawn for no task; a keeper it remains.
async function makeSilent({ devnet }: Scene): Promise<string> {
  const { contracts } = devnet.deployment.home
  const before = devnet.nodes[silentPlace]
  if (before === undefined) return ''
  const { index, image, role, operator } = before
  await before.stop()
  const hostFaults = ['silent-keeper']
  const node = await devnet.startNode({ index, image, tcb: 'UpToDate', hostFaults })
  await waitCertified(devnet.home, contracts, node)
  await devnet.home.sender(accountOf(role)).sendAndWait({
    address: contracts.nodeRegistry,
    abi: nodeRegistryAbi,
    functionName: 'setPaused',
    args: [getAddress(node.receiptKey), true],
  })
  return operator
}

async function dutyEvents({ devnet }: Scene) {
  const { keeperDuty } = devnet.deployment.home.contracts
  const { number } = await devnet.home.block('latest')
  const logs = await devnet.home.logs([keeperDuty], 0n, number)
  return parseEventLogs({ abi: keeperDutyAbi, logs: [...logs] })
}
