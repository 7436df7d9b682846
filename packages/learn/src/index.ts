export {
  epsilonAt,
  epsilonOf,
  noiseFor,
  privateSampling,
  type PrivacySpent,
  type PrivateRun,
} from './accountant.ts'
export {
  appId,
  manifestJson,
  parseManifest,
  readManifest,
  type AppBundle,
  type AppDriver,
  type AppInput,
  type AppKind,
  type AppLimits,
  type AppManifest,
  type AppMetric,
  type AppOutput,
  type AppOutputFormat,
  type AppRole,
  type AppSession,
} from './app-manifest.ts'
export {
  memoryRanges,
  poolSources,
  safetensorsSource,
  tableSource,
  textSource,
  type BatchSource,
  type RangeSource,
  type Rows,
} from './batch-source.ts'
export { csvLimits, parseCsv, type CsvFormat } from './csv.ts'
export { evaluate, type Evaluation } from './evaluation.ts'
export { flatten, localUpdate, unflatten, type LocalUpdate } from './flat-parameters.ts'
export { generate, type Generation } from './generate.ts'
export { inferenceGraph, languageGraph } from './inference-graph.ts'
export { encodeGguf } from './gguf-writer.ts'
export { ggufLimits, scanGguf, type ScannedGguf } from './gguf-scan.ts'
export { JsonFields } from './json-fields.ts'
export {
  classesOf,
  featuresOf,
  parseModelDefinition,
  type ModelDefinition,
  type Parameter,
} from './model.ts'
export { modelLimits } from './model-limits.ts'
export { initialParameters, networkOf } from './networks.ts'
export type { Network } from './network.ts'
export {
  fitNormalisation,
  givenNormalisation,
  noNormalisation,
  type Normalisation,
} from './normalisation.ts'
export { canonicalNumbers, type AmbiguousNumber } from './canonical-numbers.ts'
export { canonicalOnnx } from './onnx-canonical.ts'
export { readInitializers } from './onnx-initializers.ts'
export { onnxLimits, scanOnnx, type OnnxSummary } from './onnx-structure.ts'
export { scanLimits, scanModel, type ScannedModel } from './onnx-scan.ts'
export {
  encodeInference,
  parseInference,
  predict,
  type Inference,
  type Prediction,
} from './prediction.ts'
export { gaussianNoise, poissonDraw, type Entropy } from './private-noise.ts'
export { privacyLimits, type Privacy } from './privacy-settings.ts'
export type { Runtime, Session, TensorData } from './runtime.ts'
export {
  encodeSafetensors,
  parseSafetensors,
  parseSafetensorsHeader,
  safetensorsLimits,
  tensorValues,
  type SafetensorsHeader,
  type TensorPlace,
} from './safetensors.ts'
export { pool, type Table } from './table.ts'
export { accuracy, normalisationOf, train, type Trained, type TrainingOptions } from './training.ts'
export { openTrainingData } from './training-data.ts'
export { trainedModel } from './trained-model.ts'
export { trainingGraph, type TrainingGraph, type TrainingRecipe } from './training-graph.ts'
export {
  parseTrainingPlan,
  parseTrainingSettings,
  trainingLimits,
  type TrainingPlan,
  type TrainingSettings,
} from './training-settings.ts'
export { readerOf, type DataReader } from './formats/data-reader.ts'
export type { ColumnSummary, DataSummary, TensorSummary } from './formats/data-summary.ts'
export { recognizeData } from './formats/recognize-data.ts'
export { sayData } from './formats/say-summary.ts'
