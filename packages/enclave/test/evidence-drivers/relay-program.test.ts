import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'

import { encodeCbor, unixSeconds } from '@cloister/codec'
import { createNitroCloud, createSnpManufacturer } from '@cloister/emulator'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { createNsmDriver, createSevGuestDriver } from '../../src/index.ts'

const folder = mkdtempSync(join(tmpdir(), 'relay-program-'))
const program = join(folder, 'device-relay')
const device = join(folder, 'device.so')
const started: ChildProcess[] = []
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const compiler = ['/usr/bin/cc', '/usr/bin/gcc', '/usr/bin/clang'].find((path) => existsSync(path))
if (compiler === undefined) process.stderr.write('SKIPPED: no C compiler, the relay is not built\n')

describe.skipIf(compiler === undefined)('the relay program', () => {
  beforeAll(() => {
    const warn = ['-O2', '-Wall', '-Wextra', '-Werror']
    const source = here('../../../../tools/device-relay/device-relay.c')
    execFileSync(compiler ?? '', [...warn, '-o', program, source])
    const standIn = here('relay-device.c')
    execFileSync(compiler ?? '', ['-O2', '-shared', '-fPIC', '-o', device, standIn])
  })
  afterAll(async () => {
    for (const child of started)
      if (child.exitCode === null) {
        child.kill('SIGKILL')
        await once(child, 'exit')
      }
    rmSync(folder, { recursive: true })
  })

  async function relay(kind: 'nsm' | 'sev-guest', answer?: Uint8Array): Promise<string> {
    const socketPath = join(folder, `${started.length}.sock`)
    const stored = join(folder, `${started.length}.answer`)
    if (answer !== undefined) writeFileSync(stored, answer)
    const env = answer === undefined ? {} : { LD_PRELOAD: device, DEVICE_ANSWER: stored }
    started.push(spawn(program, [kind, '/dev/null', socketPath], { env, stdio: 'ignore' }))
    while (!existsSync(socketPath)) await sleep(10)
    return socketPath
  }

  const reportData = new Uint8Array(64).fill(7)
  const machineSeed = new Uint8Array(16).fill(1)
  const seed = new Uint8Array(32).fill(1)
  const now = unixSeconds(Math.floor(Date.now() / 1000))

  test('carries what /dev/nsm answers to the driver, one connection after another', async () => {
    const enclave = createNitroCloud(seed).startEnclave({ enclaveSeed: machineSeed })
    const document = enclave.document({ now, userData: reportData })
    const answer = encodeCbor(new Map([['Attestation', new Map([['document', document]])]]))
    const driver = createNsmDriver({ socketPath: await relay('nsm', answer) })
    for (let time = 0; time < 2; time++)
      expect(await driver.collect({ reportData })).toEqual([
        { evidence: { tee: 'aws-nitro', document } },
      ])
  })

  test('carries what /dev/sev-guest answers to the driver', async () => {
    const amd = createSnpManufacturer({ seed, now })
    const platform = amd.createPlatform({ machineSeed, line: 'Turin' })
    const report = platform.report({ measurement: new Uint8Array(48), reportData })
    const answer = new Uint8Array(4000)
    new DataView(answer.buffer).setUint32(4, report.length, true)
    answer.set(report, 32)
    const driver = createSevGuestDriver({ socketPath: await relay('sev-guest', answer) })
    expect(await driver.collect({ reportData })).toEqual([{ evidence: { tee: 'sev-snp', report } }])
  })

  test('hangs up where the device refuses', async () => {
    const driver = createNsmDriver({ socketPath: await relay('nsm') }) // /dev/null knows no such call.
    await expect(driver.collect({ reportData })).rejects.toMatchObject({ code: 'evidence-failed' })
  })
})
