// llama.cpp as the prebuilt addon of node-llama-cpp 3.22.1 offers it. Only what is used here is described.
import { createRequire } from 'node:module'

/** A model that the addon loaded. Tokens are numbers; -1 says that there is no such token. */
export type NativeModel = {
  init(): Promise<boolean>
  tokenize(text: string, specialTokens: boolean): Uint32Array
  detokenize(tokens: Uint32Array, specialTokens: boolean): string
  getTrainContextSize(): number
  getEmbeddingVectorSize(): number
  tokenBos(): number
  isEogToken(token: number): boolean
  shouldPrependBosToken(): boolean
}

/** The memory of one conversation, and the batch that is decoded next. */
export type NativeContext = {
  init(): Promise<boolean>
  initBatch(size: number): void
  addToBatch(
    sequence: number,
    position: number,
    tokens: Uint32Array,
    wanted: Uint32Array,
  ): Uint32Array
  decodeBatch(): Promise<void>
  sampleToken(place: number, sampler: NativeSampler): Promise<number>
  disposeSequence(sequence: number): void
  removeTokenCellsFromSequence(sequence: number, start: number, end: number): boolean
  getEmbedding(tokens: number): Float64Array
}

/** How the next token is chosen. */
export type NativeSampler = {
  applyConfig(config: {
    readonly temperature: number
    readonly topP: number
    readonly seed: number
    readonly repeatPenaltyTokens?: Uint32Array
  }): void
  dispose(): void
}

type ContextOptions = {
  readonly contextSize: number
  readonly batchSize: number
  readonly sequences: number
  readonly threads: number
  readonly flashAttention: boolean
  readonly embeddings: boolean
}

/** The addon. */
export type LlamaAddon = {
  loadBackends(folder?: string): void
  init(): Promise<void>
  setLogger(log: (level: number, message: string) => void): void
  setLoggerLogLevel(level: number): void
  readonly AddonModel: new (
    path: string,
    options: {
      readonly addonExports: LlamaAddon
      readonly gpuLayers: number
      readonly useMmap: boolean
      readonly checkTensors: boolean
    },
  ) => NativeModel
  readonly AddonContext: new (model: NativeModel, options: ContextOptions) => NativeContext
  readonly AddonSampler: new (model: NativeModel) => NativeSampler
}

/** Loads the addon and the CPU code that fits this machine from `folder`. It logs nothing. */
export async function loadLlama(folder: string): Promise<LlamaAddon> {
  const addon: unknown = createRequire(import.meta.url)(`${folder}/llama-addon.node`)
  if (!isAddon(addon)) throw new TypeError('The llama.cpp addon is of another version')
  addon.setLogger(() => undefined)
  addon.setLoggerLogLevel(0)
  addon.loadBackends()
  addon.loadBackends(folder)
  await addon.init()
  return addon
}

function isAddon(value: unknown): value is LlamaAddon {
  const needed = ['AddonModel', 'AddonContext', 'AddonSampler', 'loadBackends', 'init', 'setLogger']
  return (
    typeof value === 'object' &&
    value !== null &&
    needed.every((name) => typeof Reflect.get(value, name) === 'function')
  )
}
