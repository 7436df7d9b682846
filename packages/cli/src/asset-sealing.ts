import { existsSync } from 'node:fs'
import { basename, resolve } from 'node:path'

import { OperationError, parseHex } from '@cloister/codec'
import { openWritableStore, parseStoreAddress } from '@cloister/io'
import { assetContext, nodeStore, resumeSharing, shareSealed, type Client } from '@cloister/sdk'
import { partCount, partPlace, sealedSize } from '@cloister/seal'
import type { Address } from 'viem'

import { keepersOf, readState } from './asset.ts'
import { readAs, type CommandSpec, type Given, type OptionSpec, type Run } from './command.ts'
import { writeOutput } from './files.ts'
import { Progress, sayBytes } from './progress.ts'
import { describeSource } from './sealing/describe-source.ts'
import { sealFile } from './sealing/seal-file.ts'
import {
  beginState,
  encodeState,
  isSealState,
  parseState,
  statSource,
  type SealState,
} from './sealing/seal-state.ts'
import {
  finishSealedFolder,
  isSealedFolder,
  makeSealedFolder,
  openSealedFolder,
} from './sealing/sealed-folder.ts'
import { uploadParts, type PartSink } from './sealing/upload-parts.ts'
import { deploymentOption, keyOption, openSession, optionalDeploymentOption } from './session.ts'
import { usageError } from './usage-error.ts'
import { parseAddress, wholeNumber } from './values.ts'

const quietOption: OptionSpec = { flags: '--quiet', about: 'show no progress' }
const stateOption: OptionSpec = {
  flags: '--state <FILE>',
  about: 'where the data key and the progress are kept: secret, mode 600',
  required: true,
}
const parallelMax = 16
const parallelDefault = 4

/** `cloister asset seal`, `upload` and `register`. */
export const sealingCommands: readonly CommandSpec[] = [
  {
    usage: 'seal <FILE>',
    about:
      'seal a file of any size into a folder, part by part; run it again to go on after an interruption',
    options: [
      { flags: '--owner <ADDRESS>', about: 'the account that will register it', required: true },
      stateOption,
      {
        flags: '--out <DIR>',
        about: 'where the sealed parts go; it is a store, too',
        required: true,
      },
      quietOption,
    ],
    run: runSeal,
  },
  {
    usage: 'upload <DIR>',
    about: 'bring a sealed folder to stores; run it again to go on after an interruption',
    options: [
      optionalDeploymentOption,
      {
        flags: '--to <STORE>',
        about:
          "a folder, s3://BUCKET/PREFIX?region=R&endpoint=URL or a node's address; repeat it. Every node of the deployment unless said",
        many: true,
      },
      {
        flags: '--parallel <N>',
        about: `parts on their way at once, 1 to ${parallelMax}; 4 unless said`,
      },
      quietOption,
    ],
    run: runUpload,
  },
  {
    usage: 'register <DIR>',
    about:
      'register what was sealed and uploaded, and give each keeper its share; run it again to go on',
    options: [
      deploymentOption,
      keyOption,
      { ...stateOption, about: "the state that asset seal kept; it becomes the owner's" },
      {
        flags: '--keeper <OPERATOR>',
        about:
          "operators that keep the shares, three; of as many vendors' TEEs as there are unless said",
        many: true,
      },
      {
        flags: '--stored <STORE>',
        about: 'where it was uploaded, for your own records; repeat it',
        many: true,
      },
    ],
    run: runRegister,
  },
]

async function runSeal(given: Given, run: Run) {
  const path = given.argument(0)
  const folder = given.needed('out')
  const owner = readAs('--owner', given.needed('owner'), parseAddress)
  const state = stateFor(given.needed('state'), path, folder, owner, run)
  makeSealedFolder(folder)
  const { bytes } = state.source
  const sealed = sealedSize(bytes)
  partCount(sealed) // Too large is better known now.
  const schema = await describeSource(state.source.path)
  const progress = new Progress('sealed', sealed, run.progress(given.flag('quiet')))
  let first = true
  const { list, memoryBytes } = await sealFile(jobOf(state), (index, size) => {
    if (first) progress.skip(partPlace(sealed, index).offset)
    first = false
    progress.add(size)
  })
  progress.end()
  const root = await finishSealedFolder(folder, list, {
    plainBytes: bytes,
    name: basename(path).slice(0, 255),
    schema: schema.value,
  })
  save(given.needed('state'), encodeState({ ...state, root }))
  const value = { root, owner, bytes, sealedBytes: list.bytes, parts: list.parts.length }
  return {
    schema: 'cloister.asset.seal/1',
    value: { ...value, folder: resolve(folder), data: schema.value, memoryBytes },
    text: `${root} (${sayBytes(list.bytes)} in ${list.parts.length} parts; ${schema.text})`,
  }
}

/** The state to go on with, or a new one, which is on disk before anything is sealed under it. */
function stateFor(
  statePath: string,
  path: string,
  folder: string,
  owner: Address,
  run: Run,
): SealState {
  const source = statSource(path)
  if (!existsSync(statePath)) {
    if (isSealedFolder(folder) || existsSync(`${folder}/sealed.log`))
      throw new OperationError(
        'folder-in-use',
        `Cannot seal into ${folder}: something was sealed there, and ${statePath} is not its state; name its state, or another folder`,
      )
    const state = beginState(owner, source, folder)
    save(statePath, encodeState(state))
    return state
  }
  const text = readState(statePath)
  if (!isSealState(text))
    throw new OperationError(
      'file-exists',
      `Cannot seal with the state ${statePath}: it belongs to an asset that is registered; name another file`,
    )
  const state = parseState(text)
  const other =
    state.owner.toLowerCase() !== owner.toLowerCase()
      ? `it is for the owner ${state.owner}`
      : state.folder !== resolve(folder)
        ? `it seals into ${state.folder}`
        : state.source.path !== source.path
          ? `it seals ${state.source.path}`
          : undefined
  if (other !== undefined)
    throw usageError(
      `Cannot go on with the state ${statePath}: ${other}; name that, or another state`,
    )
  const { bytes, changed, inode } = state.source
  if (bytes !== source.bytes || changed !== source.changed || inode !== source.inode)
    throw new OperationError(
      'source-changed',
      `Cannot go on sealing ${path}: it has changed since sealing began; seal it anew, with another state and folder`,
    )
  run.say(`${statePath} exists: going on where it stopped`)
  return state
}

async function runUpload(given: Given, run: Run) {
  const folder = given.argument(0)
  const sealed = await openSealedFolder(folder)
  const parallel = given.read('parallel', wholeNumber(1, parallelMax)) ?? parallelDefault
  const sinks = await sinksOf(given, run)
  const stores = []
  for (const sink of sinks) {
    const what = `uploaded to ${sink.name}:`
    const progress = new Progress(what, sealed.list.bytes, run.progress(given.flag('quiet')))
    const options = { parallel, onPart: (bytes: number): void => progress.add(bytes) }
    const count = await uploadParts(folder, sealed, sink, options)
    progress.end()
    stores.push({ store: sink.name, ...count })
  }
  const { root, bytes } = sealed.about
  const lines = stores.map(
    (each) => `${each.store}: ${each.sent} parts sent, ${each.known} were there`,
  )
  return {
    schema: 'cloister.asset.upload/1',
    value: { root, bytes, stores },
    text: [root, ...lines].join('\n'),
  }
}

async function sinksOf(given: Given, run: Run): Promise<readonly PartSink[]> {
  const addresses = given.texts('to').map((text) => readAs('--to', text, parseStoreAddress))
  if (addresses.length === 0) {
    if (given.text('deployment') === undefined)
      throw usageError('Cannot upload: no store is named; say --to, or --deployment for its nodes')
    const { deployment, fetch } = await openSession(given, run)
    return deployment.nodes.map(({ url }) => nodeStore(url, fetch))
  }
  return Promise.all(
    addresses.map((address) =>
      address.kind === 'node'
        ? Promise.resolve(nodeStore(address.url))
        : openWritableStore(address),
    ),
  )
}

async function runRegister(given: Given, run: Run) {
  const path = given.needed('state')
  const { about } = await openSealedFolder(given.argument(0))
  const text = readState(path)
  const begun = isSealState(text) ? parseState(text) : undefined
  if (begun !== undefined && begun.root !== about.root)
    throw new OperationError(
      'asset-incomplete',
      `Cannot register ${given.argument(0)}: its root is ${about.root}, the state's is ${begun.root ?? 'not known yet'}; name the state it was sealed with`,
    )
  const client = await openSession(given, run)
  const options = {
    keepers: await keepersOf(client, given.texts('keeper'), begun === undefined ? text : undefined),
    save: (secret: string) => save(path, secret),
  }
  const shared = await (begun === undefined
    ? resumeSharing(client, { ...options, resume: text })
    : shareSealed(client, { ...begun, root: about.root, stores: storesOf(given, client) }, options))
  const { asset, root, owner, keeperPolicy } = shared
  const keepers = keeperPolicy.policy.operators
  return {
    schema: 'cloister.asset.register/1',
    value: { asset, root, owner, keepers },
    text: asset,
  }
}

function storesOf(given: Given, { deployment }: Client): readonly string[] {
  const named = given.texts('stored')
  return named.length > 0 ? named : deployment.nodes.map(({ url }) => url)
}

function jobOf({ source, folder, dataKey, owner, salt, objectSalt }: SealState) {
  return {
    source,
    folder,
    key: dataKey.reveal(),
    context: assetContext(owner, salt),
    salt: parseHex(objectSalt),
  }
}

function save(path: string, text: string): void {
  writeOutput(path, text, { what: 'state', force: true })
}
