import { OperationError } from '@cloister/codec'
import { descendantsOf, signalTree } from '@cloister/io'
import type { Devnet } from '@cloister/devnet'

import type { Answer, CommandSpec, Given, Run } from './command.ts'
import { takeFolder, type DevnetFolder } from './devnet-folder.ts'
import { exitCodes } from './exit-codes.ts'

/** `cloister devnet`. */
export const devnetCommands: readonly CommandSpec[] = [
  {
    usage: 'up',
    about: 'start two chains, TEE nodes, verifiers and funded accounts; Ctrl-C ends it all',
    options: [
      {
        flags: '--dir <DIR>',
        about: 'where it writes; a temporary folder, removed at the end, unless said',
      },
      {
        flags: '--nodes <KINDS>',
        about:
          'three or four kinds of machines (tdx, snp, nitro) with commas, or how many nodes; tdx,snp,nitro unless said',
      },
      { flags: '--reset', about: 'delete what an earlier devnet left in --dir' },
    ],
    run: up,
  },
]

async function up(given: Given, run: Run): Promise<Answer> {
  const { devnetTees, readNodes, startDevnet } = await import('@cloister/devnet')
  const nodes = given.read('nodes', readNodes) ?? devnetTees
  const folder = takeFolder(given.text('dir'), given.flag('reset'))
  const end = new End(folder, run)
  try {
    const devnet = await startDevnet({
      folder: folder.path,
      nodes,
      onPhase: (phase) => {
        end.throwIfAsked()
        run.say(`starting: ${phase}`)
      },
    })
    try {
      end.throwIfAsked()
      run.emit(await describe(devnet))
      warnOfSandbox(devnet, run)
      await end.asked
      run.say('stopping; Ctrl-C once more stops by force')
    } finally {
      await devnet.stop()
    }
    run.say('everything has ended')
  } catch (error) {
    if (!end.isAsked) throw error
    run.say('everything has ended')
  } finally {
    killDescendants() // What was just being started when something failed.
    end.close()
    folder.release()
  }
  return { schema: 'cloister.devnet.up/1', value: {}, text: '', exit: end.exit, silent: true }
}

async function describe({ folders, deployment, seconds, nodes }: Devnet): Promise<Answer> {
  const { accountList } = await import('@cloister/devnet')
  const { home, spokes } = deployment
  const accounts = accountList()
  const value = {
    ready: true,
    seconds: Math.round(seconds * 10) / 10,
    deployment: folders.deploymentFile,
    home: { chainId: home.chainId, rpcUrl: home.rpcUrl },
    spoke: spokes.map(({ chainId, rpcUrl }) => ({ chainId, rpcUrl }))[0],
    nodes: nodes.map(({ operator, url, receiptKey, sandbox, image }) => ({
      tee: image.tee,
      operator,
      url,
      receiptKey,
      sandbox,
    })),
    verifiers: deployment.verifiers,
    accounts,
  }
  const text = [
    `ready after ${value.seconds} s`,
    `deployment  ${value.deployment}`,
    `home chain  ${home.rpcUrl} (${home.chainId})`,
    ...spokes.map(({ rpcUrl, chainId }) => `spoke       ${rpcUrl} (${chainId})`),
    ...value.nodes.map(({ url, operator, tee }) => `node        ${url} of ${operator}, ${tee}`),
    ...deployment.verifiers.map(({ url, address }) => `verifier    ${url} ${address}`),
    ...accounts.map(({ role, address }) => `account     ${address} ${role}`),
    `next        export CLOISTER_DEPLOYMENT=${value.deployment}`,
  ].join('\n')
  return { schema: 'cloister.devnet.ready/1', value, text }
}

function warnOfSandbox({ nodes }: Devnet, run: Run): void {
  if (nodes.every(({ sandbox }) => sandbox === 'bubblewrap')) return
  run.say('!'.repeat(78))
  run.say('! bubblewrap is missing or cannot work here: apps run WITHOUT A SANDBOX.')
  run.say('! Install it (Debian, Ubuntu: apt-get install bubblewrap) and start again.')
  run.say('! A production node refuses to start like this.')
  run.say('!'.repeat(78))
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** When and how the devnet is asked to end. */
class End {
  readonly asked: Promise<void>
  isAsked = false
  exit: number = exitCodes.ok
  readonly #folder: DevnetFolder
  readonly #run: Run
  // Waiting for a promise alone would not keep the process alive.
  readonly #alive = setInterval(() => undefined, 60_000)
  #resolve: () => void = () => undefined

  constructor(folder: DevnetFolder, run: Run) {
    this.#folder = folder
    this.#run = run
    this.asked = new Promise((resolve) => (this.#resolve = resolve))
    for (const signal of signals) {
      process.removeAllListeners(signal)
      process.on(signal, () => this.#on(signal))
    }
  }

  /** Stops a start that is under way, between two of its phases. */
  throwIfAsked(): void {
    if (this.isAsked) throw new OperationError('interrupted', 'Interrupted while starting')
  }

  close(): void {
    clearInterval(this.#alive)
  }

  #on(signal: (typeof signals)[number]): void {
    if (this.isAsked) this.#force()
    this.isAsked = true
    this.exit = signal === 'SIGINT' ? exitCodes.interrupted : exitCodes.ok
    this.#run.say(`${signal}: ending`)
    this.#resolve()
  }

  #force(): never {
    killDescendants()
    this.#folder.release()
    process.exit(exitCodes.interrupted)
  }
}

function killDescendants(): void {
  for (const pid of descendantsOf(process.pid)) signalTree(pid, 'SIGKILL')
}
