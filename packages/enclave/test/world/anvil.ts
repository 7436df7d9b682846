import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const binary = fileURLToPath(
  new URL('../../../../node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil', import.meta.url),
)

/** A real chain on a free port of this machine, ended by its own process id. */
export async function startAnvil(): Promise<{ url: string; stop: () => Promise<void> }> {
  const flags = [
    '--port',
    '0',
    '--host',
    '127.0.0.1',
    '--accounts',
    '20',
    '--gas-limit',
    '60000000',
  ]
  const child = spawn(binary, flags, { stdio: ['ignore', 'pipe', 'ignore'] })
  process.once('exit', () => child.kill('SIGKILL')) // Also where a test fails before it can stop it.
  const url = await new Promise<string>((resolve, reject) => {
    let said = ''
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`anvil ended with ${code} before it listened`)))
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString()
      const found = /Listening on (127\.0\.0\.1:\d+)/.exec(said)
      if (found) resolve(`http://${found[1]}`)
    })
  })
  return {
    url,
    stop: async () => {
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    },
  }
}
