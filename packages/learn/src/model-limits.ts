/** What a model may be at most. Checked before memory is spent. */
export const modelLimits = {
  featuresMax: 4096,
  classesMax: 256,
  classCharactersMax: 64,
  hiddenLayersMax: 8,
  hiddenUnitsMax: 4096,
  parametersMax: 16_777_216,
  /** Pixels in each direction, channels, and blocks of a `cnn`. */
  imageSideMax: 1024,
  imageChannelsMax: 64,
  imageNumbersMax: 1_048_576,
  blocksMax: 32,
  filtersMax: 1024,
  kernelMax: 15,
  /** Numbers that one image may become on its way through a `cnn`. */
  activationsMax: 16_777_216,
  /** Of a `gpt`. */
  vocabularyMax: 65_536,
  layersMax: 48,
  headsMax: 64,
  widthMax: 4096,
  contextMax: 4096,
  gptParametersMax: 134_217_728,
  /** Of an `onnx`. */
  trainableMax: 1024,
} as const
