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
export { csvLimits, parseCsv, type CsvFormat } from './csv.ts'
export { inferenceGraph } from './inference-graph.ts'
export { ggufLimits, scanGguf, type ScannedGguf } from './gguf-scan.ts'
export { JsonFields } from './json-fields.ts'
export {
  initialParameters,
  modelLimits,
  parseModelDefinition,
  type ModelDefinition,
  type Parameter,
} from './model.ts'
export { fitNormalisation, noNormalisation, type Normalisation } from './normalisation.ts'
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
export type { Runtime, Session, TensorData } from './runtime.ts'
export { pool, type Table } from './table.ts'
export { accuracy, train, type Trained } from './training.ts'
export { initialState, trainingStepGraph } from './training-graph.ts'
export {
  parseTrainingPlan,
  parseTrainingSettings,
  trainingLimits,
  type TrainingPlan,
  type TrainingSettings,
} from './training-settings.ts'
