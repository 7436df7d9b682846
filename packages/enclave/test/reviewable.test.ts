import { zeroHash } from '@cloister/protocol'
import type { Hex } from 'viem'
import { expect, test } from 'vitest'

import type { PreparedAttempt } from '../src/attempt/prepare-attempt.ts'
import { requireReviewable } from '../src/attempt/review.ts'

const reviewed: Hex = `0x${'ab'.repeat(32)}`
const session = {
  meter: 'token',
  requestBytesMax: 1,
  responseBytesMax: 1,
  idleSeconds: 1,
} as const

// Only what the rule looks at matters here.
function attempt(
  manifest: { readonly kind: string; readonly session?: typeof session },
  ...assets: readonly (readonly [role: string, reviewKeyHash: Hex])[]
): PreparedAttempt {
  const given: unknown = {
    manifest: { name: 'app', ...manifest },
    assets: assets.map(([role, reviewKeyHash]) => ({ role, grant: { reviewKeyHash } })),
  }
  if (!isPrepared(given)) throw new Error('unreachable')
  return given
}

function isPrepared(value: unknown): value is PreparedAttempt {
  return typeof value === 'object' && value !== null
}

const refusal = (prepared: PreparedAttempt) => () => requireReviewable(prepared)

test('what an owner reviews first does not leave in the answers of a session, or through a federation', () => {
  const model = attempt({ kind: 'chat', session }, ['model', reviewed])
  expect(refusal(model)).toThrow('the owner of asset 0 reviews outputs')
  const member = attempt({ kind: 'federated' }, ['data', reviewed], ['parameters', zeroHash])
  expect(refusal(member)).toThrow('the owner of asset 0 reviews outputs')
})

test('other apps, and owners who review nothing, are not refused', () => {
  expect(refusal(attempt({ kind: 'train' }, ['data', reviewed]))).not.toThrow()
  expect(refusal(attempt({ kind: 'infer', session }, ['model', zeroHash]))).not.toThrow()
  const member = attempt({ kind: 'federated' }, ['data', zeroHash], ['parameters', reviewed])
  expect(refusal(member)).not.toThrow()
})
