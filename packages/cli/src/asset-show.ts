import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

import { OperationError } from '@cloister/codec'
import { assetOnChain, assetUses } from '@cloister/sdk'

import { sumByGrant } from './asset-uses.ts'
import type { Answer, CommandSpec, Given, Run } from './command.ts'
import { sayBytes } from './progress.ts'
import { describeSource } from './sealing/describe-source.ts'
import { isSealedFolder, openSealedFolder } from './sealing/sealed-folder.ts'
import { openSession, optionalDeploymentOption } from './session.ts'
import { usageError } from './usage-error.ts'
import { parseId, sayTime } from './values.ts'

/** `cloister asset show`. */
export const showCommands: readonly CommandSpec[] = [
  {
    usage: 'show <WHAT>',
    about:
      'what is in a file, in a sealed folder (and where it was uploaded), or behind an asset id (--deployment)',
    options: [optionalDeploymentOption],
    run: async (given, run) => {
      const what = given.argument(0)
      if (existsSync(what)) return statSync(what).isDirectory() ? showFolder(what) : showFile(what)
      if (/^0x[0-9a-fA-F]{64}$/.test(what)) return showAsset(given, run)
      throw new OperationError(
        'file-missing',
        `Cannot show ${what.slice(0, 200)}: it is neither a file or folder nor an asset's id; check it`,
      )
    },
  },
]

async function showFile(path: string): Promise<Answer> {
  const { value, text } = await describeSource(path)
  const { size } = statSync(path)
  return {
    schema: 'cloister.asset.show/1',
    value: { kind: 'file', path, bytes: size, data: value },
    text: `${path}: ${sayBytes(size)}, ${text}`,
  }
}

async function showFolder(folder: string): Promise<Answer> {
  if (!isSealedFolder(folder) && existsSync(join(folder, 'sealed.log'))) {
    const parts = readFileSync(join(folder, 'sealed.log'), 'latin1').split('\n').length - 2
    return {
      schema: 'cloister.asset.show/1',
      value: { kind: 'unfinished', folder, parts },
      text: `${folder}: sealing is not over, ${parts} parts are done; run cloister asset seal again`,
    }
  }
  const { about } = await openSealedFolder(folder)
  const uploads = uploadsOf(folder, about.parts)
  const { schema, ...facts } = about
  const lines = [
    `root     ${about.root}`,
    `data     ${about.name}, ${sayBytes(about.plainBytes)}`,
    `sealed   ${sayBytes(about.bytes)} in ${about.parts} parts`,
    ...uploads.map(
      ({ store, parts, whole }) =>
        `upload   ${store}: ${whole ? 'whole' : `${parts} of ${about.parts} parts`}`,
    ),
  ]
  return {
    schema: 'cloister.asset.show/1',
    value: { kind: 'sealed', folder, ...facts, data: schema, uploads },
    text: lines.join('\n'),
  }
}

/** Where a folder was uploaded, by its own notes. */
function uploadsOf(folder: string, parts: number) {
  const notes = join(folder, 'uploads')
  if (!existsSync(notes)) return []
  return readdirSync(notes).map((name) => {
    const lines = readFileSync(join(notes, name), 'latin1').split('\n')
    const done = new Set(lines.slice(1, -1).map((line) => line.split(' ')[0])).size
    const store = lines[0]?.split(' ').slice(2).join(' ') ?? name
    // The list comes after the parts.
    return { store, parts: Math.min(done, parts), whole: done === parts + 1 }
  })
}

async function showAsset(given: Given, run: Run): Promise<Answer> {
  if (given.text('deployment') === undefined)
    throw usageError('Cannot look up an asset: say --deployment, the network it is registered in')
  const asset = parseId('asset', given.argument(0))
  const client = await openSession(given, run)
  const known = await assetOnChain(client, asset)
  if (known === undefined)
    throw new OperationError(
      'asset-unknown',
      `Cannot find asset ${asset}: this deployment has none; check the id and the deployment file`,
    )
  const uses = await assetUses(client, { owner: known.owner, asset, receipts: false })
  const grants = sumByGrant(uses)
  const registeredAt = sayTime(known.registeredAt)
  const earnedWei = grants.reduce((sum, each) => sum + each.earnedWei, 0n)
  const lines = [
    `asset       ${asset}`,
    `owner       ${known.owner}`,
    `root        ${known.root}`,
    `registered  ${registeredAt}`,
    `used        by ${uses.length} tasks under ${grants.length} grants, earned ${earnedWei} wei`,
  ]
  const { owner, root, policyDigest, metadataHash } = known
  const facts = { asset, owner, root, registeredAt, policyDigest, metadataHash }
  return {
    schema: 'cloister.asset.show/1',
    value: { kind: 'asset', ...facts, tasks: uses.length, earnedWei, grants },
    text: lines.join('\n'),
  }
}
