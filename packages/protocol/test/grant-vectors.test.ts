import { readFileSync } from 'node:fs'

import { decideGrant, grantBookAbi, marketAbi, type Grant, type Order } from '@cloister/protocol'
import { decodeAbiParameters, getAbiItem, type Address, type Hex } from 'viem'
import { expect, test } from 'vitest'

type Vector = {
  readonly name: string
  readonly position: number
  readonly time: string
  readonly assetOwner: Address
  readonly ownersOthers: number
  readonly signatureValid: boolean
  readonly revoked: boolean
  readonly usesBefore: number
  readonly usesToday: number
  readonly epsilonSpentMicros: string
  readonly deltaSpentPicos: string
  readonly node: {
    readonly tee: number
    readonly operator: Address
    readonly measurement: Hex
    readonly approvedUntil: string
    readonly tcb: number
    readonly tier: number
  }
  readonly app: {
    readonly kind: string
    readonly outputBytesMax: number
    readonly outputFormats: number
    readonly private: boolean
  }
  readonly grantEncoded: Hex
  readonly orderEncoded: Hex
  readonly decision: string
  readonly stage: string
}

// contracts/test reads the same file. scripts/grant-vectors.ts writes it, and asks neither side.
const vectors: readonly Vector[] = readFileSync(
  new URL('vectors/grants.jsonl', import.meta.url),
  'utf8',
)
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line))
const orderParameter = getAbiItem({ abi: marketAbi, name: 'place' }).inputs[0]
const grantParameter = {
  ...getAbiItem({ abi: grantBookAbi, name: 'use' }).inputs[2],
  type: 'tuple',
} as const

test.for(vectors)('$name', (vector) => {
  const { grant, order } = readVector(vector)
  const { requester, tees, epsilonMicros, deltaPicos } = order
  const decision = decideGrant(
    grant,
    {
      ...{ app: order.app, requester, tees, epsilonMicros, deltaPicos },
      asset: order.assets[vector.position] ?? '0x',
      ownersOthers: vector.ownersOthers,
      manifest: { ...vector.app, accelerator: 'none' },
      node: { ...vector.node, approvedUntil: BigInt(vector.node.approvedUntil) },
      now: BigInt(vector.time),
      used: {
        tasks: vector.usesBefore,
        tasksToday: vector.usesToday,
        epsilonMicros: BigInt(vector.epsilonSpentMicros),
        deltaPicos: BigInt(vector.deltaSpentPicos),
      },
    },
    {
      assetOwner: vector.assetOwner,
      signatureValid: vector.signatureValid,
      revoked: vector.revoked,
    },
  )
  expect(decision.kind === 'allowed' ? ['allowed', ''] : [decision.field, decision.stage]).toEqual([
    vector.decision,
    vector.stage,
  ])
})

function readVector({ grantEncoded, orderEncoded }: Vector): { grant: Grant; order: Order } {
  const [grant] = decodeAbiParameters([grantParameter], grantEncoded)
  const [order] = decodeAbiParameters([orderParameter], orderEncoded)
  return { grant, order }
}
