export { exitCodes, type ExitCode } from './exit-codes.ts'
export { runCli } from './program.ts'
