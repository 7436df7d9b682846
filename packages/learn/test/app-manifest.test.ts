import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { MalformedError } from '@cloister/codec'
import { expect, test } from 'vitest'
import { appId, manifestJson, parseManifest, readManifest } from '@cloister/learn'

const root = new URL('../../../apps/', import.meta.url)
const read = (name: string) => readFileSync(new URL(`${name}/manifest.json`, root), 'utf8')

test.for(['tabular-train', 'tabular-infer'])('the manifest of %s is valid', (name) => {
  expect(parseManifest(read(name)).name).toBe(name)
})

const small = `{
  "version": "1.0.0", "name": "a", "format": "cloister-app/2", "driver": "onnx", "kind": "infer",
  "engine": "onnxruntime-1.27.0", "bundle": null, "session": null, "privacy": "none", "accelerator": "none",
  "description": "d", "egress": "none", "metrics": [],
  "inputs": [
    {"role": "model", "countMin": 1, "countMax": 1, "bytesMax": 10},
    {"role": "record", "countMin": 1, "countMax": 1, "bytesMax": 10, "header": true}
  ],
  "outputs": [{"name": "o.json", "bytesMax": 10, "format": "json"}],
  "limits": {"wallSeconds": 4, "memoryMiB": 64, "cpuSeconds": 2, "processes": 3, "tmpMiB": 1}
}`

/** The same manifest with sorted names and no blanks, by hand. */
const canonical =
  '{"accelerator":"none","bundle":null,"description":"d","driver":"onnx","egress":"none",' +
  '"engine":"onnxruntime-1.27.0","format":"cloister-app/2","inputs":' +
  '[{"bytesMax":10,"countMax":1,"countMin":1,"role":"model"},' +
  '{"bytesMax":10,"countMax":1,"countMin":1,"header":true,"role":"record"}],"kind":"infer",' +
  '"limits":{"cpuSeconds":2,"memoryMiB":64,"processes":3,"tmpMiB":1,"wallSeconds":4},"metrics":[],' +
  '"name":"a","outputs":[{"bytesMax":10,"format":"json","name":"o.json"}],"privacy":"none",' +
  '"session":null,"version":"1.0.0"}'

const code = `{
  "format": "cloister-app/2", "name": "b", "version": "1.2.3", "description": "d", "driver": "js", "kind": "run",
  "engine": "node-24",
  "bundle": {"digest": "0x${'ab'.repeat(32)}", "bytes": 5, "entry": ["main.js"]},
  "inputs": [{"role": "visits", "countMin": 0, "countMax": 3, "bytesMax": 10}],
  "outputs": [{"name": "o.csv", "bytesMax": 10, "format": "csv"}, {"name": "p", "bytesMax": 1, "format": "bytes"}],
  "metrics": ["rows-used"], "privacy": "none",
  "session": {"meter": "request", "requestBytesMax": 1, "responseBytesMax": 2, "idleSeconds": 3},
  "accelerator": "none",
  "limits": {"wallSeconds": 4, "memoryMiB": 64, "cpuSeconds": 2, "processes": 3, "tmpMiB": 1}, "egress": "none"
}`

test('an app id is the hash of its domain, a zero byte and the canonical manifest', async () => {
  const expected = createHash('sha256')
    .update('cloister/app/1')
    .update(Buffer.of(0))
    .update(canonical)
  expect(await appId(parseManifest(small))).toBe(`0x${expected.digest('hex')}`)
})

test('an app with code names its bundle, and reads back as it was written', () => {
  const manifest = parseManifest(code)
  expect(manifest.bundle).toEqual({ digest: `0x${'ab'.repeat(32)}`, bytes: 5, entry: ['main.js'] })
  expect(manifest.session?.meter).toBe('request')
  expect(readManifest(manifestJson(manifest))).toEqual(manifest)
  expect(readManifest(manifestJson(parseManifest(small)))).toEqual(parseManifest(small))
})

test('every single field that changes makes another app', async () => {
  const id = await appId(parseManifest(code))
  for (const [from, to] of [
    ['"bytes": 5', '"bytes": 6'],
    ['main.js', 'mine.js'],
    ['abab', 'abac'],
    ['"idleSeconds": 3', '"idleSeconds": 4'],
    ['"format": "csv"', '"format": "text"'],
    ['"tmpMiB": 1', '"tmpMiB": 2'],
    ['"accelerator": "none"', '"accelerator": "nvidia"'],
  ] as const)
    expect(await appId(parseManifest(code.replace(from, to)))).not.toBe(id)
})

function fieldAtFault(text: string): string {
  try {
    parseManifest(text)
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error
    return error.field
  }
  return 'accepted'
}

test.for([
  ['"egress": "none"', '"egress": "all"', 'manifest.egress'],
  [', "egress": "none"', '', 'manifest.egress'],
  ['cloister-app/2', 'cloister-app/1', 'manifest.format'],
  ['"driver": "onnx"', '"driver": "shell"', 'manifest.driver'],
  ['"driver": "onnx"', '"driver": "js"', 'manifest.kind'],
  ['"kind": "infer"', '"kind": "run"', 'manifest.kind'],
  ['onnxruntime-1.27.0', 'onnxruntime-1.30.0', 'manifest.engine'],
  ['"bundle": null, ', '', 'manifest.bundle'],
  ['"bundle": null', '"bundle": {}', 'manifest.bundle.digest'],
  ['"privacy": "none"', '"privacy": "dp-sgd"', 'manifest.privacy'],
  ['"accelerator": "none"', '"accelerator": "tpu"', 'manifest.accelerator'],
  ['"version": "1.0.0"', '"version": "1"', 'manifest.version'],
  ['"name": "a"', '"name": "A b"', 'manifest.name'],
  ['"name": "a"', '"name": "a", "keys": 1', 'manifest'],
  ['"name": "o.json"', '"name": "../o"', 'manifest.outputs[0].name'],
  ['"format": "json"', '"format": "pickle"', 'manifest.outputs[0].format'],
  [', "format": "json"', '', 'manifest.outputs[0].format'],
  ['"memoryMiB": 64', '"memoryMiB": 1', 'manifest.limits.memoryMiB'],
  ['"tmpMiB": 1', '"tmpMiB": 0', 'manifest.limits.tmpMiB'],
  ['"processes": 3', '"processes": 3, "gpu": 1', 'manifest.limits'],
  [
    '"role": "model", "countMin": 1',
    '"role": "model", "countMin": 2',
    'manifest.inputs[0].countMax',
  ],
  ['"role": "model", "countMin": 1', '"role": "model", "countMin": 0', 'manifest.inputs'],
  ['"role": "model"', '"role": "parameters"', 'manifest.inputs'],
  ['"role": "model"', '"role": "record"', 'manifest.inputs'],
  [
    '"countMax": 1, "bytesMax": 10, "header"',
    '"countMax": 2, "bytesMax": 10, "header"',
    'manifest.inputs',
  ],
  [', "header": true', '', 'manifest.inputs[1].header'],
  ['"bytesMax": 10}\n  ]', '"bytesMax": 0}\n  ]', 'accepted'],
  ['"metrics": []', '"metrics": ["loss"]', 'manifest.metrics'],
] as const)('a manifest without code with %s as %s is refused at %s', ([from, to, field]) => {
  expect(fieldAtFault(small.replace(from, to))).toBe(field)
})

test.for([
  ['"0xabab', '"abab', 'manifest.bundle.digest'],
  ['"entry": ["main.js"]', '"entry": []', 'manifest.bundle.entry'],
  ['["main.js"]', '["../main.js"]', 'manifest.bundle.entry'],
  ['["main.js"]', '["/bin/sh"]', 'manifest.bundle.entry'],
  ['["main.js"]', '["main.js", "a\\u0000b"]', 'manifest.bundle.entry[1]'],
  ['"js"', '"rootfs"', 'manifest.engine'],
  ['"role": "visits"', '"role": "Visits"', 'manifest.inputs[0].role'],
  ['"bytesMax": 10}]', '"bytesMax": 10, "header": true}]', 'manifest.inputs[0].header'],
  ['"name": "p"', '"name": "o.csv"', 'manifest.outputs'],
  ['"name": "p"', '"name": "metrics.json"', 'manifest.outputs'],
  ['["rows-used"]', '["rows-used", "rows-used"]', 'manifest.metrics'],
  ['["rows-used"]', '["Rows used"]', 'manifest.metrics[0]'],
  ['"meter": "request"', '"meter": "second"', 'manifest.session.meter'],
  ['"idleSeconds": 3', '"idleSeconds": 0', 'manifest.session.idleSeconds'],
  ['"privacy": "none"', '"privacy": "dp-sgd"', 'manifest.privacy'],
] as const)('a manifest with code with %s as %s is refused at %s', ([from, to, field]) => {
  expect(fieldAtFault(code)).toBe('accepted')
  expect(fieldAtFault(code.replace(from, to))).toBe(field)
})
