import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { MalformedError } from '@cloister/codec'
import { expect, test } from 'vitest'
import { appId, parseManifest } from '@cloister/learn'

const root = new URL('../../../apps/', import.meta.url)
const read = (name: string) => readFileSync(new URL(`${name}/manifest.json`, root), 'utf8')

test.for(['tabular-train', 'tabular-infer'])('the manifest of %s is valid', (name) => {
  expect(parseManifest(read(name)).name).toBe(name)
})

const small = `{
  "version": "1.0.0", "name": "a", "format": "cloister-app/1", "driver": "onnx", "kind": "infer",
  "description": "d", "egress": "none", "metrics": [],
  "inputs": [
    {"role": "model", "countMin": 1, "countMax": 1, "bytesMax": 10},
    {"role": "record", "countMin": 1, "countMax": 1, "bytesMax": 10, "header": true}
  ],
  "outputs": [{"name": "o.json", "bytesMax": 10}],
  "limits": {"wallSeconds": 4, "memoryMiB": 64, "cpuSeconds": 2, "processes": 3}
}`

/** The same manifest with sorted names and no blanks, by hand. */
const canonical =
  '{"description":"d","driver":"onnx","egress":"none","format":"cloister-app/1","inputs":' +
  '[{"bytesMax":10,"countMax":1,"countMin":1,"role":"model"},' +
  '{"bytesMax":10,"countMax":1,"countMin":1,"header":true,"role":"record"}],"kind":"infer",' +
  '"limits":{"cpuSeconds":2,"memoryMiB":64,"processes":3,"wallSeconds":4},"metrics":[],' +
  '"name":"a","outputs":[{"bytesMax":10,"name":"o.json"}],"version":"1.0.0"}'

test('an app id is the hash of its domain, a zero byte and the canonical manifest', async () => {
  const expected = createHash('sha256')
    .update('cloister/app/1')
    .update(Buffer.of(0))
    .update(canonical)
  expect(await appId(parseManifest(small))).toBe(`0x${expected.digest('hex')}`)
})

test.for([
  ['"egress": "none"', '"egress": "all"', 'manifest.egress'],
  ['"egress": "none",', '', 'manifest.egress'],
  ['"driver": "onnx"', '"driver": "shell"', 'manifest.driver'],
  ['"version": "1.0.0"', '"version": "1"', 'manifest.version'],
  ['"name": "a"', '"name": "A b"', 'manifest.name'],
  ['"name": "a"', '"name": "a", "keys": 1', 'manifest'],
  ['"name": "o.json"', '"name": "../o"', 'manifest.outputs[0].name'],
  ['"memoryMiB": 64', '"memoryMiB": 1', 'manifest.limits.memoryMiB'],
  ['"processes": 3', '"processes": 3, "gpu": 1', 'manifest.limits'],
  [
    '"role": "model", "countMin": 1',
    '"role": "model", "countMin": 2',
    'manifest.inputs[0].countMax',
  ],
  ['"role": "model"', '"role": "parameters"', 'manifest.inputs'],
  [
    '"countMax": 1, "bytesMax": 10, "header"',
    '"countMax": 2, "bytesMax": 10, "header"',
    'manifest.inputs',
  ],
  [', "header": true', '', 'manifest.inputs[1].header'],
  ['"bytesMax": 10}\n  ]', '"bytesMax": 0}\n  ]', 'accepted'],
  ['"metrics": []', '"metrics": ["loss"]', 'manifest.metrics'],
  ['"metrics": []', '"metrics": ["rows"]', 'manifest.metrics[0]'],
] as const)('with %s as %s it is refused at %s', ([from, to, field]) => {
  try {
    parseManifest(small.replace(from, to))
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error
    expect(error.field).toBe(field)
    return
  }
  expect('accepted').toBe(field)
})
