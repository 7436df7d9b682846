// Starts and stops a devnet and prints how long it took until every node was certified.
import { startDevnet } from '../packages/devnet/src/up.ts'

const devnet = await startDevnet({ onPhase: (phase) => console.error(phase) })
await devnet.stop()
console.log(JSON.stringify({ seconds: devnet.seconds }))
