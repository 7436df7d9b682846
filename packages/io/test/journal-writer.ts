// Writes entries until it is killed; prints each one's number only after it was recorded.
import { writeSync } from 'node:fs'

import { Journal } from '../src/index.ts'

const journal = Journal.open(process.argv[2] ?? '')
for (let round = journal.head.count; ; round++) {
  const { entry } = journal.recordOnce(
    'vote',
    `item ${round}`,
    `${'x'.repeat(round % 3_000)} ${process.pid}`,
  )
  writeSync(1, `${entry.sequence} ${entry.digest}\n`)
}
