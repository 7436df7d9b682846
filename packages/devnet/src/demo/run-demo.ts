import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { OperationError } from '@cloister/codec'
import { readInitializers } from '@cloister/learn'

import type { Injection } from '../inject/injection.ts'
import type { Leak } from '../leaks/scan.ts'
import { startDevnet, type Devnet } from '../up.ts'
import type { Cast } from './cast.ts'
import {
  fetchOpened,
  readChainData,
  readNetworkFiles,
  searchLeaks,
  type ChainData,
} from './leak-search.ts'
import { driftWei } from './money.ts'
import { dealBelongings, weightCanaries } from './owners.ts'
import { round, type Narrator } from './phases.ts'
import { playInjection } from './play-injection.ts'
import { playStory } from './play-story.ts'
import type { DemoReport } from './report.ts'
import { setScene, type Scene } from './story.ts'

/** How the demo is run. */
export type DemoOptions = {
  readonly narrator: Narrator
  /** Receipts and the deployment's manifest go here, and stay. */
  readonly outputFolder: string
  readonly inject?: Injection
  /** Aborted when somebody interrupts. */
  readonly signal?: AbortSignal
}

const demoCast: Cast = {
  spokeClinic: 'clinic-3',
  spokeChainId: 31338,
  attemptSeconds: 90,
  usesMax: 1,
}

/** Runs the whole story, or one with something going wrong in it, and says what came of it. Nothing is left running. */
export async function runDemo(options: DemoOptions): Promise<DemoReport> {
  const { narrator, inject } = options
  narrator.say(
    'Cloister demo: three clinics train one model for a company, and none of them shows its records to anybody.',
  )
  // A folder of our own: it is searched after everything was stopped.
  const folder = mkdtempSync(join(tmpdir(), 'cloister-'))
  try {
    const devnet = await startDevnet({
      ...inject?.devnet,
      folder,
      onPhase: (phase) => narrator.phase(phase, phaseReasons[phase]),
    })
    narrator.end()
    try {
      return await Promise.race([withDevnet(devnet, options), whenAborted(options.signal)])
    } finally {
      await devnet.stop()
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Fails when somebody interrupts, and never ends otherwise. */
function whenAborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    const stop = (): void => reject(new OperationError('interrupted', 'Somebody ended the demo'))
    if (signal?.aborted === true) stop()
    signal?.addEventListener('abort', stop)
  })
}

const noSandbox =
  'apps run without a sandbox, because bubblewrap does not run here; install it (apt-get install bubblewrap) and allow user namespaces'

function isSandboxed({ nodes }: Devnet): boolean {
  return nodes.every(({ sandbox }) => sandbox === 'bubblewrap')
}

const phaseReasons: Readonly<Record<string, string>> = {
  'chains, contracts and the enclave':
    'Two development chains, contracts, and a measured program: what runs in an enclave is known by the digest of its bytes.',
  'verifiers and nodes':
    'Four verifiers, and three nodes on emulated trusted hardware. The evidence is real in every byte but its root of trust.',
  'admission of the nodes':
    'A node that cannot show evidence which the verifiers accept gets no work.',
}

async function withDevnet(devnet: Devnet, options: DemoOptions): Promise<DemoReport> {
  const { narrator, inject, outputFolder, signal } = options
  if (!isSandboxed(devnet)) narrator.say(`\nINSECURE: ${noSandbox}\n`)
  const belongings = await dealBelongings(readNetworkFiles(devnet))
  const cast = { ...demoCast, ...inject?.cast }
  const scene = await setScene({ devnet, cast, belongings, narrator, outputFolder })
  signal?.addEventListener('abort', () => {
    scene.stopping.abort()
    void scene.stage.dismiss().catch(() => undefined) // What is still there ends with this process.
  })
  mkdirSync(outputFolder, { recursive: true })
  copyFileSync(devnet.folders.deploymentFile, join(outputFolder, 'deployment.json'))

  const story = inject === undefined ? await playStory(scene) : undefined
  const injected = inject === undefined ? undefined : await playInjection(scene, inject)
  narrator.phase('audit: every unit of money, every byte that was written')
  const drift = await driftWei(devnet)
  const chains = await readChainData(devnet)
  const stores = [...devnet.deployment.nodes, ...devnet.deployment.verifiers].map(({ url }) => url)
  const openedObjects = await fetchOpened(scene.client, scene.opened, stores)
  await devnet.stop()
  const leaksFound = searchAll(scene, { chains, openedObjects, model: story?.modelBytes })
  narrator.end()
  const tasks = story?.tasks ?? injected?.tasks ?? []
  const skipped = isSandboxed(devnet) ? [] : [noSandbox]
  const held = story?.problems.length === 0 || injected?.report.defended === true
  return {
    ok: held && drift === 0n && leaksFound.length === 0,
    seconds: round(narrator.seconds),
    tasks,
    model: story?.model ?? null,
    ledger: { driftWei: drift.toString() },
    leaks: leaksFound.length,
    leaksFound,
    skipped,
    problems: story?.problems ?? [],
    injected: injected?.report ?? null,
  }
}

function searchAll(
  scene: Scene,
  given: {
    readonly chains: ChainData
    readonly openedObjects: readonly Buffer[]
    readonly model: Uint8Array<ArrayBuffer> | undefined
  },
): readonly Leak[] {
  const { devnet, belongings, opened, narrator } = scene
  const weights = given.model === undefined ? [] : readInitializers(given.model)
  const canaries = [...belongings.canaries, ...weightCanaries(weights)]
  const { chains, openedObjects } = given
  const found = searchLeaks(devnet, { canaries, chains, opened, openedObjects })
  narrator.detail(
    `${found.filesSearched} files, ${canaries.length} canaries, ${found.leaks.length} found`,
  )
  return found.leaks
}
