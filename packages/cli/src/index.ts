export { exitCodes, type ExitCode } from './exit-codes.ts'
export { runCli, type Streams } from './program.ts'
