// Writes what TypeScript needs to know about the contracts from what the compiler says about them: ABIs and storage layout
// into @cloister/protocol, creation bytecode into the devnet. `--check` writes nothing and fails when a file is stale.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

type AbiItem = { readonly type: string; readonly name?: string }
type Variable = {
  readonly label: string
  readonly slot: string
  readonly offset: number
  readonly type: string
}
type StorageType = {
  readonly label: string
  readonly numberOfBytes: string
  readonly members?: readonly Variable[]
}
type Artifact = {
  readonly abi: readonly AbiItem[]
  readonly bytecode: { readonly object: string; readonly linkReferences: object }
  readonly storageLayout: {
    readonly storage: readonly Variable[]
    readonly types: Readonly<Record<string, StorageType>> | null
  }
}

/** The first lines of every generated file. */
const heading =
  '// Written by scripts/generate.ts from contracts/. Do not edit.\n/* oxlint-disable max-lines */\n'

/** Our own contracts, and the name each has in TypeScript. */
const contracts = {
  CloisterToken: 'token',
  Ledger: 'ledger',
  Staking: 'staking',
  Committee: 'committee',
  AppRegistry: 'appRegistry',
  AssetRegistry: 'assetRegistry',
  NodeRegistry: 'nodeRegistry',
  ReleaseKeys: 'releaseKeys',
  GrantBook: 'grantBook',
  Market: 'market',
  Settlement: 'settlement',
  KeeperDuty: 'keeperDuty',
  SpokeToken: 'spokeToken',
  SpokePayout: 'spokePayout',
} as const

const checkOnly = process.argv.includes('--check')
run('forge', ['build', '--quiet', 'contracts/src'])

const artifacts = Object.entries(contracts).map(([contract, name]) => {
  const artifact: Artifact = JSON.parse(
    readFileSync(`out/${contract}.sol/${contract}.json`, 'utf8'),
  )
  return { contract, name, ...artifact }
})

const stale = [
  emit('packages/protocol/src/generated/abi.ts', abiFile()),
  emit('packages/protocol/src/generated/storage.ts', storageFile()),
  emit('packages/devnet/src/generated/bytecode.ts', bytecodeFile()),
].filter((path) => path !== undefined)

if (checkOnly && stale.length > 0) {
  console.error(`Generated files are stale: ${stale.join(', ')}. Run: npm run generate`)
  process.exitCode = 1
}

function abiFile(): string {
  const abis = artifacts.map(
    ({ contract, name, abi }) =>
      `/** The ABI of ${contract}. */\nexport const ${name}Abi = ${JSON.stringify(abi)} as const\n`,
  )
  const errors = new Map(
    artifacts
      .flatMap(({ abi }) => abi.filter(({ type }) => type === 'error'))
      .map((item) => [JSON.stringify(item), item]),
  )
  const all = `/** Every error that any contract can revert with, for reading one that another contract raised. */
export const errorsAbi = ${JSON.stringify([...errors.values()])} as const\n`
  return [heading, ...abis, all].join('\n')
}

function storageFile(): string {
  const variables: Record<string, Record<string, object>> = {}
  const structs: Record<string, object> = {}
  for (const { name, storageLayout } of artifacts) {
    const types = storageLayout.types ?? {}
    variables[name] = Object.fromEntries(
      storageLayout.storage.map(({ label, slot, offset, type }) => [
        label.replace(/^_/, ''),
        {
          slot: Number(slot),
          offset,
          bytes: Number(types[type]?.numberOfBytes ?? '0'),
          type: types[type]?.label ?? type,
        },
      ]),
    )
    for (const { label, numberOfBytes, members } of Object.values(types)) {
      if (members === undefined) continue
      structs[label.replace(/^struct (\w+\.)?/, '')] = {
        bytes: Number(numberOfBytes),
        fields: fieldsOf(members, types),
      }
    }
  }
  return `${heading}
/** Where each contract's variables lie: slot, byte offset from the slot's low end, size in bytes, Solidity type. */
export const storageVariables = ${JSON.stringify(variables)} as const

/** Where each struct's fields lie: slot counted from the struct's first, byte offset from the slot's low end, size in bytes. */
export const storageStructs = ${JSON.stringify(structs)} as const
`
}

function fieldsOf(members: readonly Variable[], types: Readonly<Record<string, StorageType>>) {
  return Object.fromEntries(
    members.map(({ label, slot, offset, type }) => [
      label,
      { slot: Number(slot), offset, bytes: Number(types[type]?.numberOfBytes ?? '0') },
    ]),
  )
}

function bytecodeFile(): string {
  // SpokePayout creates its token itself.
  const deployed = artifacts.filter(({ contract }) => contract !== 'SpokeToken')
  const codes = deployed.map(({ contract, name, bytecode }) => {
    if (Object.keys(bytecode.linkReferences).length > 0)
      throw new Error(`Cannot write the bytecode of ${contract}: it needs linking`)
    return `/** What creates ${contract}: constructor arguments follow it. */\nexport const ${name}Bytecode = '${bytecode.object}' as const\n`
  })
  return [heading, ...codes].join('\n')
}

/** Writes (or only compares) one formatted file. Returns its path if it was stale. */
function emit(path: string, text: string): string | undefined {
  const formatted = format(text)
  if (formatted === current(path)) return undefined
  if (checkOnly) return path
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, formatted)
  console.log(`wrote ${path}`)
  return path
}

/** The text as the formatter leaves it, so that formatting never makes a generated file stale. */
function format(text: string): string {
  mkdirSync('cache', { recursive: true })
  const folder = mkdtempSync('cache/generate-')
  try {
    const path = join(folder, 'file.ts')
    writeFileSync(path, text)
    run('oxfmt', ['-c', '.oxfmtrc.json', '--with-node-modules', '--ignore-path', '/dev/null', path])
    return readFileSync(path, 'utf8')
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function current(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function run(command: string, arguments_: readonly string[]): void {
  const { status, error } = spawnSync(`node_modules/.bin/${command}`, arguments_, {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  if (error || status !== 0)
    throw new Error(`Cannot run ${command} ${arguments_.join(' ')}: it ended with ${status}`, {
      cause: error,
    })
}
