// The patient's part: seal one record, order an answer, go offline, come back and read it.
import { parseUtf8 } from '@cloister/codec'
import { parseInference } from '@cloister/learn'
import {
  bytes32Field,
  encodeReceiptFile,
  integerField,
  objectField,
  oneOf,
  orNull,
  type FieldValue,
} from '@cloister/protocol'
import { collectReceipt, fetchOutput, openOutput } from '@cloister/sdk'

import { runActor, type Actor } from './actor.ts'
import { appNamed, grantOnce, shareOwn } from './own-asset.ts'
import { openPrivateKey, placeOwnOrder } from './own-order.ts'
import { awaitGrant, publish } from './public-files.ts'

const settings = objectField({
  step: oneOf('order', 'read'),
  attemptSeconds: integerField(1, 3600),
  /** What is read: null while nothing is ordered. */
  task: orNull(bytes32Field),
})

type Patient = Actor<FieldValue<typeof settings>>

const steps = { order, read } as const

await runActor(settings, (patient) => steps[patient.settings.step](patient))

async function order(patient: Patient) {
  const { client, publicFolder } = patient
  const app = appNamed(client, 'tabular-infer')
  const record = await shareOwn(patient, { name: 'record', plaintext: patient.read('record.csv') })
  const own = await grantOnce(client, record.asset, {
    app,
    requester: record.owner,
    purpose: 'my own diagnosis',
    priceWei: 0n,
    usesMax: 1,
  })
  const model = await awaitGrant(client, publicFolder, 'model')
  const { attemptSeconds } = patient.settings
  const placed = await placeOwnOrder(patient, { app, grants: [model, own], attemptSeconds })
  return { ...placed, opened: record.root }
}

async function read(patient: Patient) {
  const { client, publicFolder } = patient
  const task = patient.settings.task ?? '0x'
  const { sealed, receipt } = await fetchOutput(client, task)
  const { outputs } = await openOutput(openPrivateKey(patient, task), sealed, task)
  const answer = parseInference(parseUtf8(outputs[0]?.bytes ?? new Uint8Array(), 'the answer'))
  const [record] = answer.records
  patient.write('answer.json', outputs[0]?.bytes ?? new Uint8Array())
  const file = await collectReceipt(client, task, { pollMs: 200 })
  const path = publish(publicFolder, `receipts/${task}.json`, encodeReceiptFile(file))
  return { label: record?.label ?? null, receipt: path, opened: [receipt.outputDigest] }
}
