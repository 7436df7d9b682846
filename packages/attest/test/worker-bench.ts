// Prints how many more TDX quotes two worker threads appraise than one, each with an appraiser of its own. Medians of
// rounds that take turns. Needs two idle processors to mean anything.
// Run: node packages/attest/test/worker-bench.ts [rounds]
import { cpus } from 'node:os'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'

import { createAppraiser, isAccepted } from '@cloister/attest'

import { emulated } from './vectors.ts'

const roundMilliseconds = 400

if (isMainThread) await measure()
else work()

async function measure(): Promise<void> {
  const rounds = Number(process.argv[2] ?? 15)
  const workers = [await start(), await start()]
  const ratios: number[] = []
  let perSecond = 0
  for (let round = -2; round < rounds; round++) {
    const one = await run(workers.slice(0, 1))
    const two = await run(workers)
    if (round < 0) continue // The engine compiles what is measured.
    ratios.push(two / one)
    perSecond = Math.max(perSecond, two / (roundMilliseconds / 1000))
  }
  await Promise.all(workers.map((worker) => worker.terminate()))
  const twoOfOne = ratios.toSorted((a, b) => a - b)[ratios.length >> 1]
  console.log(`${cpus()[0]?.model ?? 'unknown'} x${cpus().length}, Node ${process.version}`)
  console.log(`two workers: ${twoOfOne?.toFixed(2)}x one, up to ${perSecond.toFixed(0)}/s`)
  console.log(JSON.stringify({ twoOfOne }))
}

function start(): Promise<Worker> {
  const worker = new Worker(new URL(import.meta.url))
  return new Promise((resolve, reject) => {
    worker.once('message', () => resolve(worker))
    worker.once('error', reject)
  })
}

async function run(workers: readonly Worker[]): Promise<number> {
  const counts = workers.map(
    (worker) =>
      new Promise<number>((resolve) => {
        worker.once('message', resolve)
        worker.postMessage('go')
      }),
  )
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0)
}

function work(): void {
  const { quote, given } = emulated('up-to-date')
  const { appraise } = createAppraiser()
  const count = async (): Promise<number> => {
    const end = performance.now() + roundMilliseconds
    let done = 0
    for (; performance.now() < end; done++)
      if (!isAccepted(await appraise({ tee: 'tdx', quote }, given)))
        throw new Error('What is measured was refused')
    return done
  }
  parentPort?.on('message', () => void count().then((done) => parentPort?.postMessage(done)))
  parentPort?.postMessage('ready')
}
