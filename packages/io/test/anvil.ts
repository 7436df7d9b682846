import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

import { privateKeyToAccount } from 'viem/accounts'

import { startChild, type Child } from '../src/index.ts'

/** The binary itself: a kill of the npm shim would leave it behind. */
const binary = join(
  dirname(createRequire(import.meta.url).resolve('@foundry-rs/anvil-linux-amd64/package.json')),
  'bin/anvil',
)

/** Starts a chain of its own. */
export async function startAnvil(
  args: readonly string[] = [],
): Promise<{ readonly child: Child; readonly url: string; readonly port: number }> {
  const child = await startChild({
    name: 'anvil',
    command: binary,
    args: ['--chain-id', '31337', ...(args.includes('--port') ? [] : ['--port', '0']), ...args],
    env: { HOME: process.env['HOME'] ?? '/tmp' },
    readyMs: 20_000,
    readyLine: (line) => /Listening on 127\.0\.0\.1:(\d+)/.exec(line)?.[1],
  })
  const port = Number(child.ready)
  return { child, url: `http://127.0.0.1:${port}`, port }
}

/** Anvil's first funded accounts. They are public and worthless. */
export const accounts = [
  privateKeyToAccount('0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80'),
  privateKeyToAccount('0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d'),
] as const
