import { accountList } from '../accounts.ts'
import { tokens } from './money.ts'
import type { DemoReport, TaskReport } from './report.ts'

/** The end of the demo in words and figures. */
export function renderReport(report: DemoReport, homeChainId: number): string {
  const { model, injected, tasks, ledger, leaks, leaksFound, skipped, problems } = report
  return [
    '',
    ...(model === null
      ? []
      : [
          'Who classifies how many of the test rows right, which nobody trained on:',
          row('all three clinics, sealed', percent(model.accuracy)),
          row('all three clinics, pooled in the open', percent(model.pooledAccuracy)),
          ...model.ownAccuracies.map((accuracy, index) =>
            row(`${model.clinics[index] ?? 'a clinic'} alone`, percent(accuracy)),
          ),
          '',
        ]),
    ...tasks.flatMap((task) => taskLines(task, homeChainId)),
    ...(injected === null
      ? []
      : [
          `Injected: ${injected.name}: ${injected.defended ? 'the network defended itself' : 'THE NETWORK DID NOT DEFEND ITSELF'}`,
          row('expected', injected.expected),
          row('observed', injected.observed),
          row(
            'slashed, refunded',
            `${tokens(BigInt(injected.slashedWei))}, ${tokens(BigInt(injected.refundedWei))}`,
          ),
          '',
        ]),
    row('money that appeared or vanished', `${ledger.driftWei} wei`),
    row('secrets found outside their owners’ folders', String(leaks)),
    ...leaksFound.map(({ canary, encoding, place }) =>
      row(`  ${canary}`, `${encoding}, in ${place}`),
    ),
    ...skipped.map((line) => row('could not be shown here', line)),
    ...problems.map((line) => row('not as it should be', line)),
    row(report.ok ? 'all of it held' : 'NOT all of it held', `after ${report.seconds} s`),
  ].join('\n')
}

function taskLines(task: TaskReport, homeChainId: number): readonly string[] {
  const { id, kind, node, attempts, judgement, votes, paid, receipt } = task
  return [
    `Task ${id.slice(0, 10)} (${kind}): node ${node.slice(0, 10)}, attempt ${attempts}, ${judgement}${votes > 0 ? ` by ${votes} verifiers` : ''}`,
    ...paid.map(({ role, account, chain, amount, tx }) =>
      row(
        `${role} ${nameOf(account)}`,
        `${tokens(BigInt(amount)).padStart(8)} on ${chain === homeChainId ? 'the home chain' : `spoke ${chain}`}, ${tx.slice(0, 10)}`,
      ),
    ),
    ...(receipt === null
      ? []
      : [
          row('receipt', receipt),
          row(
            'check it offline',
            `cloister receipt verify ${receipt} --deployment ${deploymentBeside(receipt)}`,
          ),
        ]),
    '',
  ]
}

function deploymentBeside(receipt: string): string {
  return receipt.replace(/receipts\/[^/]+$/, 'deployment.json')
}

function nameOf(account: string): string {
  return accountList().find(({ address }) => address === account)?.role ?? account.slice(0, 10)
}

function percent(part: number): string {
  return `${(part * 100).toFixed(1)} %`
}

function row(name: string, value: string): string {
  return `  ${name.padEnd(46)} ${value}`
}
