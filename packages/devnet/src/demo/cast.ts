import type { Json } from '@cloister/codec'
import { parseEther } from 'viem'

import { accountOf } from '../accounts.ts'
import type { Belongings } from './owners.ts'
import type { Stage, StepResult } from './stage.ts'

/** What owners ask for one use. */
export const prices = {
  recordsWei: parseEther('10'),
  modelWei: parseEther('5'),
} as const

/** What the story asks of its people. */
export type Cast = {
  /** The clinic that is paid on the spoke, and the spoke. */
  readonly spokeClinic: 'clinic-3'
  readonly spokeChainId: number
  /** How long one attempt of a task may take. */
  readonly attemptSeconds: number
  /** How often the training's grants may be used. */
  readonly usesMax: number
}

/** Puts everybody's belongings into their own folders. */
export function equipAll(stage: Stage, belongings: Belongings): void {
  for (const { role, csv, metadata } of belongings.clinics)
    stage.equip(role, { 'data.csv': csv, 'metadata.json': metadata })
  const { parameters, testCsv, record } = belongings
  stage.equip('company', { 'parameters.json': parameters, 'test.csv': testCsv })
  stage.equip('patient', { 'record.csv': record })
}

/** A clinic does some steps, in order. */
export function clinicActs(
  stage: Stage,
  cast: Cast,
  role: 'clinic-1' | 'clinic-2' | 'clinic-3',
  steps: readonly ('share' | 'revoke' | 'claim')[],
): Promise<StepResult> {
  return stage.act(role, 'clinic', {
    ...{ name: role, steps },
    company: accountOf('company').address,
    priceWei: prices.recordsWei.toString(),
    usesMax: cast.usesMax,
    payoutChain: role === cast.spokeClinic ? cast.spokeChainId : null,
  })
}

/** The company does a step. */
export function companyActs(
  stage: Stage,
  cast: Cast,
  step: 'order' | 'order-again' | 'open',
  task: string | null,
): Promise<StepResult> {
  const settings: Json = {
    ...{ step, task },
    clinics: ['clinic-1', 'clinic-2', 'clinic-3'],
    usesMax: cast.usesMax,
    attemptSeconds: cast.attemptSeconds,
    patient: accountOf('patient').address,
    modelPriceWei: prices.modelWei.toString(),
  }
  return stage.act('company', 'company', settings)
}

/** The patient does a step. */
export function patientActs(
  stage: Stage,
  cast: Cast,
  step: 'order' | 'read',
  task: string | null,
): Promise<StepResult> {
  return stage.act('patient', 'patient', { step, task, attemptSeconds: cast.attemptSeconds })
}
