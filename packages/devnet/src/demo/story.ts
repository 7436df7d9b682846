import { OperationError } from '@cloister/codec'
import { encodeDeployment } from '@cloister/protocol'
import { connect, readTask, type Client, type TaskEvent } from '@cloister/sdk'
import { isHex, type Hex } from 'viem'

import { accountOf } from '../accounts.ts'
import type { Devnet } from '../up.ts'
import { trainBaselines, type Baselines } from './baselines.ts'
import { clinicActs, companyActs, equipAll, patientActs, type Cast } from './cast.ts'
import { sayEvent, TaskFollower, type FollowedTask } from './follow-task.ts'
import type { Belongings } from './owners.ts'
import type { Narrator } from './phases.ts'
import { checkReceipt } from './receipts.ts'
import type { PaidLine, TaskReport } from './report.ts'
import { numberOf, Stage, textOf, textsOf, type StepResult } from './stage.ts'

/** Everything that one run of the story works with. */
export type Scene = {
  readonly devnet: Devnet
  /** Nobody's view of the network: reads, and never signs. */
  readonly client: Client
  readonly stage: Stage
  readonly cast: Cast
  readonly belongings: Belongings
  readonly narrator: Narrator
  /** Where receipts go, to outlive the devnet. */
  readonly outputFolder: string
  /** Digests of sealed objects that their owners opened: what lies there is ciphertext, and nothing else. */
  readonly opened: Set<string>
  readonly stopping: AbortController
}

/** Sets the scene on a devnet that runs. */
export async function setScene(
  given: Omit<Scene, 'client' | 'stage' | 'opened' | 'stopping'>,
): Promise<Scene> {
  const { devnet, belongings } = given
  const client = await connect({ deployment: encodeDeployment(devnet.deployment) })
  const stage = new Stage(devnet)
  equipAll(stage, belongings)
  return { ...given, client, stage, opened: new Set(), stopping: new AbortController() }
}

/** Has the clinics and the company seal and order, sees them off, and follows the task. */
export async function orderTraining(scene: Scene): Promise<TaskFollower> {
  const { stage, cast, narrator, belongings } = scene
  narrator.phase(
    'three clinics and a company seal, share keys, grant, order',
    'Each clinic encrypts its records on its own machine. It checks the hardware evidence of three nodes before it hands each of them a share\nof the key; two shares open it, one is worth nothing. A signed grant says who may use the records, in which program, for how much.',
  )
  const [company, ...clinics] = await Promise.all([
    companyActs(stage, cast, 'order', null),
    ...belongings.clinics.map(({ role }) => clinicActs(stage, cast, role, ['share'])),
  ])
  return leaveAlone(scene, [company, ...clinics], company)
}

/** The same, but one clinic takes its grant back as soon as the order stands. */
export async function orderTrainingAndRevoke(scene: Scene): Promise<{
  readonly follower: TaskFollower
  readonly revocation: string
  readonly asset: string
}> {
  const { stage, cast, narrator, belongings } = scene
  narrator.phase('three clinics and a company seal, grant and order; one clinic changes its mind')
  const [company, revoking, ...others] = await Promise.all([
    companyActs(stage, cast, 'order', null),
    ...belongings.clinics.map(({ role }) =>
      clinicActs(stage, cast, role, role === 'clinic-1' ? ['share', 'revoke'] : ['share']),
    ),
  ])
  const results = [company, ...(revoking === undefined ? [] : [revoking]), ...others]
  for (const result of results) noteOpened(scene, result)
  await stage.dismiss()
  return {
    follower: follow(scene, taskIn(company)),
    revocation: textOf(revoking ?? {}, 'revocation'),
    asset: textOf(revoking ?? {}, 'asset'),
  }
}

/** The company orders the same training once more, with the same grants. */
export async function orderAgain(scene: Scene): Promise<TaskFollower> {
  const company = await companyActs(scene.stage, scene.cast, 'order-again', null)
  return leaveAlone(scene, [company], company)
}

/** Ends everybody's process and makes sure that the work has not begun before. */
async function leaveAlone(
  scene: Scene,
  results: readonly StepResult[],
  ordered: StepResult,
): Promise<TaskFollower> {
  const { stage, client, narrator } = scene
  for (const result of results) noteOpened(scene, result)
  const task = taskIn(ordered)
  await stage.dismiss()
  const { state } = await readTask(client, task)
  if (state !== 'placed')
    throw new OperationError(
      'too-late',
      `Cannot show that owners are not needed: task ${task} was ${state} before all of them were gone`,
    )
  narrator.detail('done; all of them are offline now')
  return follow(scene, task)
}

/** Waits until a task is accepted. @throws {OperationError} `task-failed`, saying how it ended. */
export async function awaitAccepted(follower: TaskFollower): Promise<TaskEvent> {
  const accepted = await follower.until(({ kind }) => kind === 'accepted')
  if (accepted !== undefined) return accepted
  const last = follower.events.at(-1)
  throw new OperationError(
    'task-failed',
    `Cannot go on: task ${follower.id} was not accepted (${last === undefined ? 'nothing happened' : sayEvent(last)})`,
  )
}

/** What the company found when it came back. */
export type OpenedModel = { readonly accuracy: number; readonly receipt: string }

/** The company opens the model and offers it, the patient orders an answer; then both leave. */
export async function orderInference(
  scene: Scene,
  training: Hex,
): Promise<{ readonly model: OpenedModel; readonly follower: TaskFollower }> {
  const { stage, cast, narrator } = scene
  narrator.phase(
    'the company opens the model, the patient orders an answer',
    'The company comes back and opens the model: only its key can. It seals the model again and offers it; the patient seals one record.\nThe company never sees the record, the patient never sees the model.',
  )
  const [company, patient] = await Promise.all([
    companyActs(stage, cast, 'open', training),
    patientActs(stage, cast, 'order', null),
  ])
  const follower = await leaveAlone(scene, [company, patient], patient)
  const model = { accuracy: numberOf(company, 'accuracy'), receipt: textOf(company, 'receipt') }
  return { model, follower }
}

/** The patient comes back and reads the answer. */
export async function readAnswer(
  scene: Scene,
  task: Hex,
): Promise<{ readonly label: string; readonly receipt: string }> {
  const answer = await patientActs(scene.stage, scene.cast, 'read', task)
  noteOpened(scene, answer)
  await scene.stage.dismiss()
  return { label: textOf(answer, 'label'), receipt: textOf(answer, 'receipt') }
}

/** Every payee with a spoke claims there. Gives the claims' transactions by account. */
export async function claimAll(
  scene: Scene,
  paid: readonly PaidLine[],
): Promise<ReadonlyMap<string, string>> {
  const { cast, stage, devnet } = scene
  const claims = new Map<string, string>()
  const accounts = new Set(
    paid.filter(({ chain }) => chain !== devnet.home.chainId).map(({ account }) => account),
  )
  for (const account of accounts) {
    if (account !== accountOf(cast.spokeClinic).address)
      throw new OperationError('unknown-payee', `Cannot claim for ${account}: who is it?`)
    const claim = await clinicActs(stage, cast, cast.spokeClinic, ['claim'])
    claims.set(account, textOf(claim, 'transaction'))
  }
  await stage.dismiss()
  return claims
}

/** Who was paid something, by the chain's events; on the home chain it is theirs at once. */
export function paidIn(events: readonly TaskEvent[]): readonly PaidLine[] {
  return events.flatMap((event) =>
    event.kind === 'paid' && event.amountWei > 0n
      ? [
          {
            role: event.role,
            account: event.account,
            chain: event.chainId,
            amount: event.amountWei.toString(),
            tx: event.transaction,
          },
        ]
      : [],
  )
}

/** Checks a task's receipt and writes down what became of it. */
export async function reportTask(
  scene: Scene,
  kind: TaskReport['kind'],
  { id, events, phases }: FollowedTask,
  receiptFile: string | undefined,
  claims: ReadonlyMap<string, string>,
): Promise<TaskReport> {
  const { devnet, outputFolder } = scene
  const drawn = events.findLast((event) => event.kind === 'drawn')
  const judged = events.findLast((event) => event.kind === 'judged')
  const receipt =
    receiptFile === undefined
      ? undefined
      : await checkReceipt(receiptFile, devnet.deployment, outputFolder)
  const home = devnet.home.chainId
  const paid = paidIn(events)
  return {
    ...{ id, kind, phases },
    node: drawn?.kind === 'drawn' ? drawn.node : '',
    tee: 'tdx, emulated',
    attempts: drawn?.kind === 'drawn' ? drawn.attempt : 0,
    judgement: judged?.kind !== 'judged' ? 'none' : judged.accepted ? 'accepted' : 'refused',
    votes: Math.max(receipt?.votes ?? 0, paid.filter(({ role }) => role === 'verifier').length),
    receipt: receipt?.path ?? null,
    paid: paid.map((line) =>
      line.chain === home ? line : { ...line, tx: claims.get(line.account) ?? '' },
    ),
  }
}

/** Trains what other worlds would have, while the network is busy. */
export function compareLater(belongings: Belongings): Promise<Baselines> {
  const baselines = trainBaselines(belongings)
  baselines.catch(() => undefined) // Whoever waits for it gets the failure.
  return baselines
}

function noteOpened({ opened }: Scene, result: StepResult): void {
  for (const digest of textsOf(result, 'opened')) opened.add(digest.replace(/^0x/, ''))
}

function follow({ client, narrator, stopping }: Scene, task: Hex): TaskFollower {
  const onEvent = (event: TaskEvent): void => narrator.detail(sayEvent(event))
  return new TaskFollower(client, task, { onEvent, signal: stopping.signal })
}

function taskIn(result: StepResult): Hex {
  const task = textOf(result, 'task')
  if (isHex(task)) return task
  throw new OperationError('step-failed', `Cannot go on: ${task.slice(0, 80)} is no task`)
}
