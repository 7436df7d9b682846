// One clinic's part: seal the records, hand out key shares and one grant, and go offline.
import { createHash, randomBytes } from 'node:crypto'

import { OperationError } from '@cloister/codec'
import { retry } from '@cloister/io'
import {
  addressField,
  decimalField,
  integerField,
  listField,
  objectField,
  orNull,
  textField,
  type FieldValue,
} from '@cloister/protocol'
import { claimOnSpoke, revokeGrant, setPayoutChain } from '@cloister/sdk'
import { bytesToHex, toHex } from 'viem'

import { runActor, type Actor } from './actor.ts'
import { appNamed, grantOnce, shareOwn } from './own-asset.ts'
import { awaitFile, awaitGrant, publishGrant } from './public-files.ts'

const settings = objectField({
  name: textField(32, 1),
  /** What to do, in this order. */
  steps: listField(textField(16, 1), 4, 1),
  company: addressField,
  priceWei: decimalField(128),
  usesMax: integerField(1, 100),
  /** The spoke to be paid on; null: the home chain. */
  payoutChain: orNull(integerField(1, Number.MAX_SAFE_INTEGER)),
})

type Settings = FieldValue<typeof settings>

/** About a minute. */
const claimPlan = { attemptsMax: 60, firstDelayMs: 500, delayMsMax: 1_000 }

await runActor(settings, async (actor) => {
  const done: Record<string, string> = {}
  for (const step of actor.settings.steps) Object.assign(done, await stepNamed(step)(actor))
  return done
})

function stepNamed(name: string): (actor: Actor<Settings>) => Promise<Record<string, string>> {
  const steps: Readonly<Record<string, typeof share>> = { share, revoke, claim }
  const step = steps[name]
  if (step !== undefined) return step
  throw new RangeError(`Cannot do ${name}: a clinic can ${Object.keys(steps).join(', ')}`)
}

async function share(actor: Actor<Settings>): Promise<Record<string, string>> {
  const { client, publicFolder } = actor
  const { name, company, priceWei, usesMax, payoutChain } = actor.settings
  if (payoutChain !== undefined) await setPayoutChain(client, payoutChain)
  // Whoever knows the salt can check what the data was said to be; the chain alone tells nothing of it.
  const salt = randomBytes(32)
  actor.write('metadata.salt', toHex(salt))
  const metadata = createHash('sha256').update(salt).update(actor.read('metadata.json')).digest()
  const asset = await shareOwn(actor, {
    name: 'data',
    plaintext: actor.read('data.csv'),
    metadataHash: bytesToHex(metadata),
  })
  const grant = await grantOnce(client, asset.asset, {
    app: appNamed(client, 'tabular-train'),
    requester: company,
    purpose: 'a tumour classifier of three clinics',
    priceWei,
    usesMax,
  })
  publishGrant(client, publicFolder, name, grant)
  return { asset: asset.asset, grant: grant.digest, opened: asset.root }
}

// Not before somebody has paid for an order that uses it.
async function revoke(actor: Actor<Settings>): Promise<Record<string, string>> {
  const { client, publicFolder } = actor
  const { digest } = await awaitGrant(client, publicFolder, actor.settings.name)
  await awaitFile(publicFolder, 'orders/tabular-train')
  return { grant: digest, revocation: await revokeGrant(client, digest) }
}

async function claim({ client, settings: { payoutChain } }: Actor<Settings>) {
  const { amountWei, transaction } = await retry(claimPlan, isTooEarly, () =>
    claimOnSpoke(client, payoutChain ?? 0),
  )
  return { amountWei: amountWei.toString(), transaction }
}

// Verifiers sign for a block that lies some way back: what was settled just now is in one of the next.
function isTooEarly(error: unknown): boolean {
  return error instanceof OperationError && error.code === 'payout-unproven'
}
