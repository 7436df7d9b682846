import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

import { assert, OperationError } from '@cloister/codec'
import { startChild, type Child } from '@cloister/io'

import { devnetMnemonic, roles } from './accounts.ts'

/** One development chain. */
export type AnvilOptions = {
  readonly name: string
  readonly chainId: number
  /** 0 lets the system choose a free one. */
  readonly port: number
  /** File that the chain's state is kept in; an existing one is continued. */
  readonly statePath: string
  readonly onLine?: (line: string) => void
}

/** A running chain. */
export type Anvil = { readonly url: string; readonly chainId: number; readonly child: Child }

/**
 * Starts a chain: a block a second, its state written every second so that it survives `kill -9`.
 *
 * @throws {OperationError} `anvil-missing`, `port-taken`, or how the process ended.
 */
export async function startAnvil(options: AnvilOptions): Promise<Anvil> {
  const child = await startChild({
    name: options.name,
    command: anvilPath(),
    args: [
      ['--host', '127.0.0.1', '--port', String(options.port)],
      ['--chain-id', String(options.chainId), '--block-time', '1'],
      ['--slots-in-an-epoch', '1', '--gas-limit', '120000000'],
      ['--state', options.statePath, '--state-interval', '1'],
      ['--mnemonic', devnetMnemonic, '--accounts', String(roles.length)],
    ].flat(),
    env: {},
    readyMs: 15_000,
    readyLine: (line) => /^Listening on (\S+:\d+)$/.exec(line.trim())?.[1],
    ...(options.onLine === undefined ? {} : { onLine: options.onLine }),
  }).catch((cause: unknown) => {
    if (cause instanceof Error && /address already in use/i.test(cause.message))
      throw new OperationError(
        'port-taken',
        `Cannot start ${options.name} on port ${options.port}: another program listens there; end it or choose another port`,
        { cause },
      )
    throw cause
  })
  assert(typeof child.ready === 'string', 'a ready anvil names its address')
  return { url: `http://${child.ready}`, chainId: options.chainId, child }
}

/** The program itself, not a shim around it: so a kill reaches it, and leaves nothing behind. */
function anvilPath(): string {
  try {
    const require = createRequire(import.meta.url)
    const manifest = require.resolve('@foundry-rs/anvil-linux-amd64/package.json')
    return join(dirname(manifest), 'bin', 'anvil')
  } catch (cause) {
    throw new OperationError(
      'anvil-missing',
      'Cannot start a chain: the package @foundry-rs/anvil-linux-amd64 is not installed; run npm ci on Linux x64, or install Foundry 1.7',
      { cause },
    )
  }
}
