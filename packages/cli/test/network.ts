import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

import { here, lastJson, start, type Ended } from './cli.ts'

/** What `cloister devnet up --json` said. */
export type Ready = {
  readonly deployment: string
  readonly nodes: readonly { readonly url: string; readonly sandbox: string }[]
  readonly verifiers: readonly { readonly url: string }[]
  readonly accounts: readonly { readonly role: string; readonly address: string }[]
  readonly home: { readonly rpcUrl: string }
  readonly [name: string]: unknown
}

/** A network that the real program started, and a folder for what people keep. */
export type Network = {
  readonly child: ChildProcess
  readonly ready: Ready
  /** Where temporary folders of that program go: nothing else is in it. */
  readonly temporary: string
  readonly folder: string
  readonly place: (name: string) => string
  readonly write: (name: string, content: string) => string
  readonly address: (role: string) => string
  /** Runs a command against this network inside this process. */
  readonly run: (...args: readonly string[]) => Promise<Ended>
  /** The same, and it has to succeed: its JSON. */
  readonly ask: (...args: readonly string[]) => Promise<Record<string, unknown>>
  readonly remove: () => void
}

// A failure that nobody foresaw shows where it happened.
process.env['CLOISTER_DEBUG'] = '1'

/** Starts a network and waits until it is ready. */
export async function startNetwork(): Promise<Network> {
  const temporary = mkdtempSync(join(tmpdir(), 'cli-'))
  const child = start(['devnet', 'up', '--json'], { env: { TMPDIR: temporary } })
  const ready = await readyLine(child)
  const folder = mkdtempSync(join(tmpdir(), 'cli-people-'))
  const place = (name: string): string => join(folder, name)
  const run = (...args: readonly string[]): Promise<Ended> =>
    here([...args, '--deployment', ready.deployment])
  const ask = async (...args: readonly string[]): Promise<Record<string, unknown>> => {
    const ended = await run(...args, '--json')
    if (ended.code !== 0) throw new Error(`${args.join(' ')} exits ${ended.code}: ${ended.stderr}`)
    return lastJson(ended)
  }
  return {
    ...{ child, ready, temporary, folder, place, run, ask },
    write: (name, content) => {
      writeFileSync(place(name), content, { mode: 0o600 })
      return place(name)
    },
    address: (role) => ready.accounts.find((account) => account.role === role)?.address ?? '',
    remove: () => {
      rmSync(folder, { recursive: true })
      rmSync(temporary, { recursive: true, force: true })
    },
  }
}

function readyLine(child: ChildProcess): Promise<Ready> {
  let said = ''
  child.stderr?.on('data', (part: Buffer) => (said += part.toString()))
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`The devnet ended with ${code}: ${said}`)))
    if (child.stdout !== null)
      createInterface({ input: child.stdout }).once('line', (line) => resolve(JSON.parse(line)))
  })
}

const rows = ['1.0,2.0,yes', '1.5,0.5,no', '2.5,2.5,yes', '0.5,0.1,no']
const settings = {
  model: { kind: 'logistic', features: 2, classes: ['yes', 'no'] },
  settings: {
    ...{ epochs: 20, batchSize: 4, learningRate: 0.1, optimizer: 'adam' },
    ...{ l2: 0.01, seed: 1, standardize: true },
  },
}

/** Two owners, one of whom orders: keys, assets, grants, and two order files that make two tasks. */
export async function prepareWork({ write, place, ask, address }: Network): Promise<void> {
  for (const role of ['clinic-1', 'company', 'stranger'])
    await here(['key', 'devnet', role, '--out', place(`${role}.key`)])
  for (const name of ['recipient', 'other'])
    await here(['key', 'recipient', '--out', place(`${name}.key`)])
  await here(['key', 'account', '--out', place('poor.key')])
  const share = async (owner: string, file: string): Promise<string> => {
    const state = place(`${owner}.state`)
    const args = ['--key-file', place(`${owner}.key`), '--state', state]
    return String((await ask('asset', 'share', file, ...args))['asset'])
  }
  const assets = await Promise.all([
    share('clinic-1', write('rows.csv', `${rows.join('\n')}\n`)),
    share('company', write('settings.json', JSON.stringify(settings))),
  ])
  const grant = (owner: string, asset: string, name: string, ...more: readonly string[]) =>
    ask(
      ...['grant', 'create', '--asset', asset, '--app', 'tabular-train', '--operator', 'any'],
      ...['--tee', 'tdx', '--tee', 'snp', '--tee', 'nitro', '--yes'],
      ...['--purpose', name, '--out', place(`${name}.grant`), ...more],
      ...['--key-file', place(`${owner}.key`)],
    )
  const company = ['--requester', address('company')]
  await grant('clinic-1', assets[0], 'rows', ...company, '--expires', '1d', '--uses', '2')
  await grant('company', assets[1], 'settings', ...company, '--expires', '1d', '--uses', '2')
  await grant('clinic-1', assets[0], 'expired', ...company, '--expires', '2s')
  await grant('clinic-1', assets[0], 'free-rows', '--requester', 'any', '--expires', '1d')
  await grant('company', assets[1], 'free-settings', '--requester', 'any', '--expires', '1d')
  writeOrder(write, 'first', ['rows', 'settings'])
  writeOrder(write, 'second', ['rows', 'settings'])
  writeOrder(write, 'expired', ['expired', 'settings'])
  writeOrder(write, 'free', ['free-rows', 'free-settings'])
}

function writeOrder(write: Network['write'], name: string, grants: readonly string[]): void {
  const files = grants.map((grant) => `${grant}.grant`)
  const order = { format: 'cloister-order-request/1', app: 'tabular-train', grants: files }
  write(`${name}.json`, JSON.stringify(order))
}

/** Reads a JSON file of the people's folder. */
export function readJson(path: string): Record<string, unknown> {
  return { ...Object(JSON.parse(readFileSync(path, 'utf8'))) }
}
