// Casts the vote given as JSON, and dies by SIGKILL after the journal has it and before it is signed.
import { Journal } from '@cloister/io'
import { cloisterDomain, parseMessageText } from '@cloister/protocol'

import { VoteJournal } from '../src/vote-journal.ts'

const [path = '', text = ''] = process.argv.slice(2)
const domain = cloisterDomain(31337, '0x5FbDB2315678afecb367f032d93F642f64180aa3')
const votes = new VoteJournal(Journal.open(path), domain, () => {
  process.kill(process.pid, 'SIGKILL')
  return new Promise(() => undefined)
})
await votes.cast(parseMessageText('Vote', text))
