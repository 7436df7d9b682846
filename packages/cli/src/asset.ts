import { OperationError } from '@cloister/codec'
import {
  fetchSealed,
  openAssetStream,
  chooseKeepers,
  parseShareState,
  shareAsset,
  type Client,
  type KeeperAddress,
} from '@cloister/sdk'
import { existsSync } from 'node:fs'

import type { CommandSpec } from './command.ts'
import { readInput, readText, refuseExisting, writeOutput, writeStream } from './files.ts'
import { sealedBytes, withSealedFile } from './sealed-file.ts'
import { forceOption, outOption, writeRule } from './output-options.ts'
import { deploymentOption, keyOption, openSession, readDeployment } from './session.ts'
import { parseId } from './values.ts'
import { deploymentDomain, deploymentOf } from '@cloister/protocol'

/** Bytes of what is sealed: a stored object has at most 256 MiB, and sealing adds a header and a tag to each chunk. */
export const plaintextBytesMax = 255 * 2 ** 20
const stateBytesMax = 2 ** 20

/** `cloister asset`. */
export const assetCommands: readonly CommandSpec[] = [
  {
    usage: 'share <FILE>',
    about:
      'seal a file, store it, register it, and give each keeper its share; run it again to go on after a failure',
    options: [
      deploymentOption,
      keyOption,
      {
        flags: '--state <FILE>',
        about: 'where the data key and the progress are kept: secret, mode 600',
        required: true,
      },
      {
        flags: '--keeper <OPERATOR>',
        about:
          "operators that keep the shares, three; of as many vendors' TEEs as there are unless said",
        many: true,
      },
    ],
    run: async (given, run) => {
      const state = given.needed('state')
      const resume = existsSync(state) ? readState(state) : undefined
      const path = given.argument(0)
      // Read first: a wrong path is better known before anything else happens.
      const plaintext = readInput(path, { what: 'file', bytesMax: plaintextBytesMax })
      const client = await openSession(given, run)
      if (resume !== undefined) run.say(`${state} exists: going on where it stopped`)
      const shared = await shareAsset(client, {
        plaintext,
        keepers: await keepersOf(client, given.texts('keeper'), resume),
        stores: client.deployment.nodes.map(({ url }) => url),
        save: (text) => writeOutput(state, text, { what: 'state', force: true }),
        ...(resume === undefined ? {} : { resume }),
      })
      const { asset, root, owner, keeperPolicy } = shared
      const keepers = keeperPolicy.policy.operators
      return {
        schema: 'cloister.asset.share/1',
        value: { asset, root, owner, keepers },
        text: asset,
      }
    },
  },
  {
    usage: 'fetch <ROOT>',
    about: 'fetch a sealed object by its digest, without opening it',
    options: [deploymentOption, outOption('the sealed object'), forceOption],
    run: async (given, run) => {
      const root = parseId('root', given.argument(0))
      const out = given.needed('out')
      const rule = writeRule(given, 'sealed object')
      refuseExisting(out, rule)
      const client = await openSession(given, run)
      const { nodes, verifiers } = client.deployment
      const stores = [...nodes, ...verifiers].map(({ url }) => url)
      const source = await fetchSealed(client, root, stores)
      await writeStream(out, sealedBytes(source), rule)
      const { bytes } = source.list
      const value = { root, bytes, parts: source.list.parts.length, path: out }
      return { schema: 'cloister.asset.fetch/1', value, text: `${out} (${bytes} bytes)` }
    },
  },
  {
    usage: 'open <SEALED>',
    about: "the owner's own way back: open a sealed object with the state of asset share",
    options: [
      deploymentOption,
      { flags: '--state <FILE>', about: 'the state that asset share kept', required: true },
      outOption('the plaintext'),
      forceOption,
    ],
    run: async (given) => {
      const rule = writeRule(given, 'plaintext')
      const out = given.needed('out')
      refuseExisting(out, rule)
      const id = deploymentOf(deploymentDomain(readDeployment(given)))
      const { secrets } = await parseShareState({ id }, readState(given.needed('state')))
      const bytes = await withSealedFile(given.argument(0), (source) =>
        writeStream(out, openAssetStream(secrets, source), rule),
      )
      const value = { asset: secrets.asset, bytes, path: out }
      return { schema: 'cloister.asset.open/1', value, text: `${bytes} bytes in ${out}` }
    },
  },
]

/** Reads the secret text that `asset share` keeps. */
export function readState(path: string): string {
  return readText(path, { what: 'state', bytesMax: stateBytesMax, secret: true })
}

/**
 * Three keepers: those that were named, those that a saved state names, or nodes of as many vendors' TEEs as there are.
 *
 * @throws {OperationError} `usage`.
 */
export async function keepersOf(
  client: Client,
  named: readonly string[],
  resume?: string,
): Promise<readonly KeeperAddress[]> {
  const { nodes } = client.deployment
  const state = resume === undefined ? undefined : await parseShareState(client, resume)
  const saved = state?.keeperPolicy.policy.operators ?? []
  const chosen = named.length === 0 ? saved : named
  const keepers =
    chosen.length === 0
      ? await chooseKeepers(client)
      : chosen.map((operator) => {
          const node = nodes.find((each) => each.operator.toLowerCase() === operator.toLowerCase())
          if (node !== undefined) return node
          throw new OperationError(
            'usage',
            `Cannot use the keeper ${operator.slice(0, 80)}: the deployment names no node of this operator; see cloister node list`,
          )
        })
  if (keepers.length === 3) return keepers
  throw new OperationError(
    'usage',
    `Cannot share among ${keepers.length} keepers: three are needed; name three with --keeper`,
  )
}
