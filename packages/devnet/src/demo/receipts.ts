import { copyFileSync, mkdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'

import { OperationError } from '@cloister/codec'
import { parseReceiptFile, verifyReceiptFile, type Deployment } from '@cloister/protocol'

/** A receipt file that holds, and where it was put. */
export type CheckedReceipt = {
  readonly path: string
  readonly votes: number
  readonly facts: number
}

/**
 * Copies a receipt file out of the devnet's folder, and checks it as anybody can: offline, with the deployment's manifest.
 *
 * @throws {OperationError} `receipt-unproven`, naming each fact that the file does not prove.
 */
export async function checkReceipt(
  file: string,
  deployment: Deployment,
  outputFolder: string,
): Promise<CheckedReceipt> {
  const folder = join(outputFolder, 'receipts')
  mkdirSync(folder, { recursive: true })
  const path = join(folder, basename(file))
  copyFileSync(file, path)
  const receipt = parseReceiptFile(readFileSync(path))
  const facts = await verifyReceiptFile(receipt, deployment)
  const missing = facts.filter(({ proved }) => !proved)
  if (missing.length > 0)
    throw new OperationError(
      'receipt-unproven',
      `Cannot rely on ${path}: ${missing.map(({ name, detail }) => `${name}: ${detail}`).join('; ')}`,
    )
  return { path, votes: receipt.judgement.signatures.length, facts: facts.length }
}
