import { existsSync, rmSync } from 'node:fs'

import { OperationError } from '@cloister/codec'
import { sameHex } from '@cloister/protocol'
import { eraseAsset, parseShareState, type KeeperErasure } from '@cloister/sdk'

import { readState } from './asset.ts'
import type { CommandSpec, Given, Run } from './command.ts'
import { deploymentOption, keyOption, openSession } from './session.ts'
import { usageError } from './usage-error.ts'
import { parseId } from './values.ts'

/** What erasing can't undo: said each time. */
const beyond =
  'What was computed from this data, and copies made while it could be opened (outputs, models, backups of your key file), is not erased. The sealed parts may stay in stores: nobody can open them.'

/** `cloister asset erase`. */
export const eraseCommands: readonly CommandSpec[] = [
  {
    usage: 'erase <ASSET>',
    about:
      'make an asset unreadable for ever: its keepers destroy their shares and sign for it, and your key file is deleted',
    options: [
      deploymentOption,
      keyOption,
      { flags: '--state <FILE>', about: 'your own state of the asset, to be deleted, too' },
      { flags: '--yes', about: 'it cannot be taken back, and you know' },
    ],
    run: runErase,
  },
]

async function runErase(given: Given, run: Run) {
  const asset = parseId('asset', given.argument(0))
  if (!given.flag('yes'))
    throw usageError(
      `Cannot erase asset ${asset} without --yes: it cannot be taken back. ${beyond}`,
    )
  const client = await openSession(given, run)
  const state = given.text('state')
  // The wrong file is better known before anything is destroyed.
  if (state !== undefined && existsSync(state)) {
    const { secrets } = await parseShareState(client, readState(state))
    if (!sameHex(secrets.asset, asset))
      throw usageError(`Cannot erase with ${state}: it belongs to asset ${secrets.asset}`)
  }
  const { keepers, unreadable } = await eraseAsset(client, asset)
  for (const keeper of keepers) run.say(sayKeeper(keeper))
  if (!unreadable)
    throw new OperationError(
      'erasure-incomplete',
      `Cannot say that asset ${asset} is erased: ${keepers.filter((each) => each.state === 'unanswered').length} of ${keepers.length} keepers did not answer, and two shares give its key; run cloister grant revoke all, so that nothing is released meanwhile, and this command again later`,
      { retryable: true },
    )
  const keyDeleted = state !== undefined && existsSync(state)
  if (keyDeleted) rmSync(state)
  run.say(beyond)
  if (state === undefined)
    run.say('Your own key file was not named with --state: whoever has it can still open the data')
  return {
    schema: 'cloister.asset.erase/1',
    value: { asset, unreadable, keyDeleted, keepers, notErased: beyond },
    text: `${asset} is unreadable: ${keepers.filter(({ state: each }) => each === 'erased').length} of ${keepers.length} keepers destroyed their share${keyDeleted ? ', and your key file is deleted' : ''}`,
  }
}

function sayKeeper(keeper: KeeperErasure): string {
  const who = `share ${keeper.shareIndex}, operator ${keeper.operator}`
  if (keeper.state === 'unanswered') return `${who}: NOT erased, ${keeper.reason}`
  return `${who}: ${keeper.ack.held ? 'destroyed' : 'had none, and takes none again'}, signed by ${keeper.ack.receiptKey}`
}
