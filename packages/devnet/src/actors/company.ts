// The company's part: order a model, go offline, come back, open it, and offer it to a patient.
import { parseUtf8 } from '@cloister/codec'
import {
  addressField,
  decimalField,
  encodeReceiptFile,
  integerField,
  listField,
  objectField,
  oneOf,
  textField,
  bytes32Field,
  orNull,
  type FieldValue,
} from '@cloister/protocol'
import { collectReceipt, fetchOutput, openOutput } from '@cloister/sdk'

import { accuracyOf } from '../demo/plain-engine.ts'
import { runActor, type Actor } from './actor.ts'
import { placeOwnOrder, openPrivateKey } from './own-order.ts'
import { appNamed, grantOnce, shareOwn } from './own-asset.ts'
import { awaitGrant, publish, publishGrant } from './public-files.ts'

const settings = objectField({
  step: oneOf('order', 'order-again', 'open'),
  /** Names of the grants that the training needs, in the order of its inputs. */
  clinics: listField(textField(32, 1), 16, 1),
  /** How often the parameters may be used. */
  usesMax: integerField(1, 100),
  attemptSeconds: integerField(1, 3600),
  /** What is opened: null while nothing is ordered. */
  task: orNull(bytes32Field),
  patient: addressField,
  modelPriceWei: decimalField(128),
})

type Company = Actor<FieldValue<typeof settings>>

const steps = { order: shareAndOrder, 'order-again': order, open } as const

await runActor(settings, (company) => steps[company.settings.step](company))

async function shareAndOrder(company: Company) {
  const { client, publicFolder } = company
  const app = appNamed(client, 'tabular-train')
  const parameters = await shareOwn(company, {
    name: 'parameters',
    plaintext: company.read('parameters.json'),
  })
  const own = await grantOnce(client, parameters.asset, {
    app,
    requester: parameters.owner,
    purpose: 'our own training settings',
    priceWei: 0n,
    usesMax: company.settings.usesMax,
  })
  publishGrant(client, publicFolder, 'parameters', own)
  return { ...(await order(company)), opened: parameters.root }
}

async function order(company: Company) {
  const { client, publicFolder, settings: chosen } = company
  const names = [...chosen.clinics, 'parameters']
  const grants = await Promise.all(names.map((name) => awaitGrant(client, publicFolder, name)))
  return placeOwnOrder(company, {
    app: appNamed(client, 'tabular-train'),
    grants,
    attemptSeconds: chosen.attemptSeconds,
  })
}

async function open(company: Company) {
  const { client, publicFolder, settings: chosen } = company
  const task = chosen.task ?? '0x'
  const { sealed, receipt } = await fetchOutput(client, task)
  const { outputs, metrics } = await openOutput(openPrivateKey(company, task), sealed, task)
  const [model] = outputs
  if (model === undefined) throw new RangeError('Cannot use the output: it holds no model')
  company.write('model.onnx', model.bytes)
  const shared = await shareOwn(company, { name: 'model', plaintext: model.bytes })
  const grant = await grantOnce(client, shared.asset, {
    app: appNamed(client, 'tabular-infer'),
    requester: chosen.patient,
    purpose: 'one diagnosis',
    priceWei: chosen.modelPriceWei,
    usesMax: 1,
  })
  publishGrant(client, publicFolder, 'model', grant)
  const testCsv = parseUtf8(company.read('test.csv'), 'test rows')
  const [accuracy, file] = await Promise.all([
    accuracyOf(model.bytes, testCsv),
    collectReceipt(client, task, { pollMs: 200 }),
  ])
  const path = publish(publicFolder, `receipts/${task}.json`, encodeReceiptFile(file))
  return {
    accuracy,
    trainingAccuracy: metrics['accuracy'] ?? null,
    receipt: path,
    opened: [receipt.outputDigest, shared.root],
  }
}
