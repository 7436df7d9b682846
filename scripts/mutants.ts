// Takes each defence that the demo shows out of a copy of the source, one at a time, and checks that the demo then notices.
// node scripts/mutants.ts [--check] [NAME ...]; `--check` only looks whether each edit still fits the source. Exits 1 where a demo passes without its defence. Spec: docs/devnet.md.
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { OperationError } from '@cloister/codec'

type Edit = { readonly file: string; readonly find: string; readonly replace: string }
type Mutant = { readonly without: string; readonly edits: readonly Edit[] }

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const runSeconds = 400
/** Compilers resolve links, and Solidity's must not leave the project: these are copied whole. */
const copiedModules = ['@openzeppelin', 'solady']
const skipped = new Set(['.git', 'node_modules', 'demo-output', 'out', 'cache'])

const market = 'contracts/src/Market.sol'
const challenge = 'packages/verifier/src/challenge.ts'
const admissions = 'packages/verifier/src/admissions.ts'

/** What is taken away from the network for each fault that can be injected. */
const mutants: Readonly<Record<string, Mutant>> = {
  'bad-measurement': {
    without: 'members comparing the measurement',
    edits: [
      {
        file: 'packages/protocol/src/attest-policy.ts',
        find: 'measurements: shared.map(bare),',
        replace: "measurements: 'any',",
      },
      {
        file: admissions,
        find: 'if (!(await home.isApproved(measurement, at)))',
        replace: 'if (!(await home.isApproved(measurement, at)) && at < 0n)',
      },
    ],
  },
  'stale-tcb': {
    without: 'members asking for a good TCB status',
    edits: [
      { file: admissions, find: 'const tcbRankAdmitted = 3', replace: 'const tcbRankAdmitted = 5' },
    ],
  },
  'silent-node': {
    without: 'the price of silence',
    edits: [
      {
        file: market,
        find: 'nodes.operatorOf(node), _config.missWei, address(0), Role.Treasury, Offence.Silence',
        replace: 'nodes.operatorOf(node), 0, address(0), Role.Treasury, Offence.Silence',
      },
    ],
  },
  'forged-result': {
    without: 'anybody proving a forged receipt',
    edits: [
      {
        file: challenge,
        find: "if (genuine === false) found.push({ kind: 'forged-receipt', proof: posted.digest })",
        replace: '',
      },
    ],
  },
  'framed-node': {
    without: 'the operator’s signature on a posting',
    edits: [
      {
        file: market,
        find: 'SignatureChecker.isValidSignatureNowCalldata(operator, digest, operatorSignature),\n            OperatorDidNotSign',
        replace:
          'SignatureChecker.isValidSignatureNowCalldata(operator, digest, operatorSignature) || operator != address(0),\n            OperatorDidNotSign',
      },
    ],
  },
  'replayed-receipt': {
    without: 'a posting naming its task by a signature',
    edits: [
      {
        file: market,
        find: 'SignatureChecker.isValidSignatureNowCalldata(operator, digest, operatorSignature),\n            OperatorDidNotSign',
        replace:
          'SignatureChecker.isValidSignatureNowCalldata(operator, digest, operatorSignature) || attempt > 0,\n            OperatorDidNotSign',
      },
    ],
  },
  'relayed-evidence': {
    without: 'keepers comparing the machine',
    edits: [
      {
        file: 'packages/enclave/src/keeper/judge-request.ts',
        find: 'machineId: node.machineId,\n    accelerator,',
        replace: "machineId: 'any' as const,\n    accelerator,",
      },
    ],
  },
  'revoked-grant': {
    without: 'keepers looking for revocations',
    edits: [
      {
        file: 'packages/enclave/src/chain/facts.ts',
        find: 'return read(revokedAt) !== 0n || nonce < read(nonceMin)',
        replace: 'return read(revokedAt) !== 0n && nonce < 0n',
      },
    ],
  },
  'lying-host': {
    without: 'the nonce of a checkpoint',
    edits: [
      {
        file: 'packages/enclave/src/chain/chain-view.ts',
        find: "if (!sameHex(checkpoint.nonce, nonce)) refuse('it was made for another nonce')",
        replace: '',
      },
    ],
  },
  'lying-verifier': {
    without: 'anybody proving two votes of one signer',
    edits: [
      {
        file: challenge,
        find: "found.push({ kind: 'equivocation', proof, signer, votes: [first, second] })",
        replace: '',
      },
    ],
  },
  'dead-keeper': {
    without: 'a restarted keeper asking for its shares',
    edits: [
      {
        file: 'packages/host/src/kept-shares.ts',
        find: 'if (block >= admittedBlock) continue',
        replace: 'if (block >= 0n) continue',
      },
    ],
  },
}

const chosen = process.argv.slice(2).filter((argument) => argument !== '--check')
const checkOnly = process.argv.includes('--check')
const names = chosen.length > 0 ? chosen : Object.keys(mutants)
const survivors: string[] = []
for (const name of names) {
  const mutant = mutants[name]
  if (mutant === undefined)
    throw new OperationError(
      'usage',
      `Cannot mutate for ${name}: choose of ${Object.keys(mutants).join(', ')}`,
    )
  if (checkOnly) {
    for (const edit of mutant.edits) mutated(root, edit)
    continue
  }
  const { noticed, detail } = tryMutant(name, mutant)
  console.log(`${noticed ? 'noticed ' : 'SURVIVED'}  ${name}, without ${mutant.without}: ${detail}`)
  if (!noticed) survivors.push(name)
}
process.exitCode = survivors.length === 0 ? 0 : 1

function tryMutant(name: string, { edits }: Mutant) {
  const copy = mkdtempSync(join(tmpdir(), 'mutant-'))
  try {
    copyRepository(copy)
    for (const edit of edits) applyEdit(copy, edit)
    if (edits.some(({ file }) => file.endsWith('.sol'))) run(copy, ['scripts/generate.ts'])
    const demo = ['packages/devnet/src/demo.ts', '--json', '--inject', name]
    const { status, stdout, stderr } = run(copy, demo)
    const injected = readInjected(stdout)
    // A demo that crashed has shown nothing, in either direction.
    if (injected === undefined)
      return { noticed: false, detail: `exit ${status} without a report; ${lastLine(stderr)}` }
    return { noticed: status === 1 && !injected.defended, detail: injected.observed }
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

/** The sources with links to everything that is installed, but for the project's own packages: those are the copy's. */
function copyRepository(copy: string): void {
  cpSync(root, copy, {
    recursive: true,
    filter: (path) => path === root || !skipped.has(basename(path)),
  })
  const modules = join(copy, 'node_modules')
  mkdirSync(join(modules, '@cloister'), { recursive: true })
  for (const name of readdirSync(join(root, 'node_modules'))) {
    const source = join(root, 'node_modules', name)
    if (name === '@cloister') continue
    if (copiedModules.includes(name)) cpSync(source, join(modules, name), { recursive: true })
    else symlinkSync(source, join(modules, name))
  }
  for (const name of readdirSync(join(copy, 'packages')))
    symlinkSync(join('..', '..', 'packages', name), join(modules, '@cloister', name))
}

function applyEdit(copy: string, edit: Edit): void {
  writeFileSync(join(copy, edit.file), mutated(copy, edit))
}

/** A file without the defence. @throws {OperationError} `mutant-stale` where the source has changed. */
function mutated(folder: string, { file, find, replace }: Edit): string {
  const parts = readFileSync(join(folder, file), 'utf8').split(find)
  if (parts.length !== 2)
    throw new OperationError(
      'mutant-stale',
      `Cannot mutate ${file}: ${parts.length - 1} places say ${find}, expected 1; correct scripts/mutants.ts`,
    )
  return parts.join(replace)
}

function run(cwd: string, args: readonly string[]) {
  return spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], {
    cwd,
    encoding: 'utf8',
    maxBuffer: 64 * 2 ** 20,
    timeout: runSeconds * 1000,
  })
}

function readInjected(stdout: string) {
  const line = lastLine(stdout)
  if (!line.startsWith('{')) return undefined
  const report: unknown = JSON.parse(line)
  if (typeof report !== 'object' || report === null || !('injected' in report)) return undefined
  const { injected } = report
  if (typeof injected !== 'object' || injected === null) return undefined
  return {
    defended: 'defended' in injected && injected.defended === true,
    observed: 'observed' in injected ? String(injected.observed) : '',
  }
}

function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1) ?? ''
}
