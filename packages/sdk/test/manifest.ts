import type { Json } from '@cloister/codec'

/** A training app for tests: small limits, the same form as the reference app's. */
export const trainManifest: Json = {
  format: 'cloister-app/2',
  name: 'tabular-train',
  version: '1.0.0',
  description: 'Trains one classifier on the pooled rows of its owners.',
  driver: 'onnx',
  kind: 'train',
  engine: 'onnxruntime-1.27.0',
  bundle: null,
  inputs: [
    { role: 'data', countMin: 1, countMax: 4, bytesMax: 1048576, header: false },
    { role: 'parameters', countMin: 1, countMax: 1, bytesMax: 65536 },
  ],
  outputs: [{ name: 'model.onnx', bytesMax: 1048576, format: 'onnx' }],
  metrics: ['loss', 'accuracy'],
  privacy: 'none',
  session: null,
  accelerator: 'none',
  limits: { memoryMiB: 512, cpuSeconds: 30, wallSeconds: 60, processes: 16, tmpMiB: 16 },
  egress: 'none',
}

/** An app that answers requests about one model. */
export const serveManifest: Json = {
  format: 'cloister-app/2',
  name: 'tabular-serve',
  version: '1.0.0',
  description: 'Classifies rows as they are asked for.',
  driver: 'onnx',
  kind: 'infer',
  engine: 'onnxruntime-1.27.0',
  bundle: null,
  inputs: [{ role: 'model', countMin: 1, countMax: 1, bytesMax: 1048576 }],
  outputs: [{ name: 'session.json', bytesMax: 4096, format: 'json' }],
  metrics: [],
  privacy: 'none',
  session: {
    meter: 'token',
    requestBytesMax: 10000,
    responseBytesMax: 100000,
    idleSeconds: 60,
  },
  accelerator: 'none',
  limits: { memoryMiB: 512, cpuSeconds: 30, wallSeconds: 60, processes: 16, tmpMiB: 16 },
  egress: 'none',
}
