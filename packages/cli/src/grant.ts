import { bytes32Field, limits, messageToJson, type Deployment } from '@cloister/protocol'
import {
  encodeSignedGrant,
  parseSignedGrant,
  revokeAll,
  revokeGrant,
  signGrant,
  type Client,
} from '@cloister/sdk'
import type { Address, Hex } from 'viem'

import { findApp } from './app.ts'
import { readAs, type Answer, type CommandSpec, type Given } from './command.ts'
import { readText, refuseExisting, writeOutput } from './files.ts'
import { forceOption, outOption, writeRule } from './output-options.ts'
import { deploymentOption, keyOption, openSession } from './session.ts'
import { usageError } from './usage-error.ts'
import { parseAddress, parseId, parseWei, sayTime, timeFrom, wholeNumber } from './values.ts'

/** `cloister grant`. */
export const grantCommands: readonly CommandSpec[] = [
  {
    usage: 'sign',
    about: 'write and sign a grant: what you do not say gets the strictest reading',
    options: [
      deploymentOption,
      keyOption,
      { flags: '--asset <ID>', about: 'what is granted', required: true },
      {
        flags: '--app <APP>',
        about: 'name or id of an app that may use it; repeat it',
        required: true,
        many: true,
      },
      {
        flags: '--requester <ADDRESS>',
        about: 'who may ask, or any; repeat it',
        required: true,
        many: true,
      },
      {
        flags: '--operator <ADDRESS>',
        about: 'whose nodes may run it, or any; repeat it',
        required: true,
        many: true,
      },
      {
        flags: '--expires <TIME>',
        about: 'until when: 30d, 12h, or 2030-01-01T00:00:00Z',
        required: true,
      },
      { flags: '--purpose <TEXT>', about: 'what for, in words', required: true },
      { flags: '--price <WEI>', about: 'what it costs; 0 unless said' },
      { flags: '--uses <N>', about: 'how many tasks; 1 unless said' },
      {
        flags: '--output-bytes <N>',
        about: "most bytes of the output; the app's own limit unless said",
      },
      { flags: '--tier <N>', about: 'least tier of the machine; 0 unless said' },
      { flags: '--tcb-floor <N>', about: 'worst TCB rank; 0 (UpToDate) unless said' },
      outOption('the signed grant, to hand to the requester'),
      forceOption,
    ],
    run: async (given, run) => {
      const out = given.needed('out')
      const rule = writeRule(given, 'grant')
      refuseExisting(out, rule)
      const { outputBytesMax, ...terms } = readTerms(given)
      const client = await openSession(given, run)
      const apps = given.texts('app').map((app) => findApp(client.deployment, app))
      const now = client.clock()
      const expiry = BigInt(given.read('expires', timeFrom(now)) ?? 0)
      const signed = await signGrant(client, {
        ...terms,
        apps: apps.map(({ id }) => id),
        outputBytesMax: outputBytesMax ?? Math.max(...apps.map((app) => app.outputBytesMax)),
        expiry,
      })
      writeOutput(out, `${encodeSignedGrant(client, signed)}\n`, rule)
      const value = {
        digest: signed.digest,
        path: out,
        grant: messageToJson('Grant', signed.grant),
      }
      return { schema: 'cloister.grant.sign/1', value, text: signed.digest }
    },
  },
  {
    usage: 'show <FILE>',
    about: 'what a grant permits, in words; whether it holds is asked by order check',
    options: [deploymentOption],
    run: async (given, run) => {
      const client = await openSession(given, run)
      return describe(client.deployment, readGrant(client, given.argument(0)))
    },
  },
  {
    usage: 'revoke <GRANT>',
    about:
      'revoke a grant, named by its file or its digest, or all: no share is released for it from then on',
    options: [deploymentOption, keyOption],
    run: async (given, run) => {
      const name = given.argument(0)
      const client = await openSession(given, run)
      const digest = name === 'all' ? undefined : digestOf(client, name)
      const transaction =
        digest === undefined ? await revokeAll(client) : await revokeGrant(client, digest)
      const value = { grant: digest ?? 'all', transaction }
      return { schema: 'cloister.grant.revoke/1', value, text: transaction }
    },
  },
]

/** `cloister asset grant` and `revoke`: what `grant sign` and `grant revoke` do, found where an owner looks for it. */
export const grantingCommands: readonly CommandSpec[] = grantCommands.flatMap((spec) => {
  if (spec.usage === 'sign') return [{ ...spec, usage: 'grant' }]
  return spec.usage.startsWith('revoke') ? [spec] : []
})

/** Reads a signed grant's file. @throws {MalformedError} naming the file's field. */
export function readGrant(client: Client, path: string) {
  return parseSignedGrant(client, readText(path, { what: 'grant', bytesMax: limits.bodyBytesMax }))
}

function digestOf(client: Client, name: string): Hex {
  if (/^0x[0-9a-fA-F]{64}$/.test(name)) return bytes32Field.parse(name.toLowerCase(), 'grant')
  return readGrant(client, name).digest
}

function readTerms(given: Given) {
  const outputBytesMax = given.read('outputBytes', wholeNumber(1, 0xffff_ffff))
  return {
    asset: parseId('--asset', given.needed('asset')),
    requesters: parseWho('requester', given.texts('requester')),
    operators: parseWho('operator', given.texts('operator')),
    purpose: given.needed('purpose'),
    priceWei: given.read('price', parseWei) ?? 0n,
    usesMax: given.read('uses', wholeNumber(1, 0xffff_ffff)) ?? 1,
    tierMin: given.read('tier', wholeNumber(0, 3)) ?? 0,
    tcbFloor: given.read('tcbFloor', wholeNumber(0, 5)) ?? 0,
    outputBytesMax,
  }
}

function parseWho(name: string, texts: readonly string[]): readonly Address[] | 'any' {
  if (!texts.includes('any')) return texts.map((text) => readAs(`--${name}`, text, parseAddress))
  if (texts.length === 1) return 'any'
  throw usageError(`Cannot use --${name} any together with an address: say one or the other`)
}

function describe(deployment: Deployment, signed: ReturnType<typeof readGrant>): Answer {
  const { grant, digest } = signed
  const appName = (id: Hex): string =>
    deployment.apps.find((app) => app.id.toLowerCase() === id.toLowerCase())?.name ?? id
  const text = [
    `grant      ${digest}`,
    `owner      ${grant.owner}`,
    `asset      ${grant.asset}`,
    `purpose    ${JSON.stringify(grant.purpose)}`,
    `apps       ${grant.apps.map(appName).join(', ')}`,
    `requesters ${grant.anyRequester ? 'any' : grant.requesters.join(', ')}`,
    `operators  ${grant.anyNode ? 'any' : grant.operators.join(', ')}`,
    `price      ${grant.priceWei} wei`,
    `uses       ${grant.usesMax}`,
    `valid      ${sayTime(grant.notBefore)} to ${sayTime(grant.expiry)}`,
    `output     at most ${grant.outputBytesMax} bytes`,
  ].join('\n')
  const value = { digest, grant: messageToJson('Grant', grant), signature: signed.signature }
  return { schema: 'cloister.grant.show/1', value, text }
}
