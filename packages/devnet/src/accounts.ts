import { pbkdf2Sync } from 'node:crypto'

import { assert } from '@cloister/codec'
import { type Address, type HDAccount } from 'viem'
import { HDKey, hdKeyToAccount } from 'viem/accounts'

/** The phrase that every development tool uses: whoever sends real money to these accounts loses it. */
export const devnetMnemonic = 'test test test test test test test test test test test junk'

/** Everybody who has an account on a devnet, in the order of derivation. */
export const roles = [
  'governance',
  'operator-1',
  'operator-2',
  'operator-3',
  'operator-4',
  'verifier-1',
  'verifier-2',
  'verifier-3',
  'verifier-4',
  'clinic-1',
  'clinic-2',
  'clinic-3',
  'company',
  'patient',
  'stranger',
  'challenger',
] as const

/** One of {@link roles}. */
export type Role = (typeof roles)[number]

// Native, and once: stretching a phrase costs more than anything else that is done with its accounts.
const master = HDKey.fromMasterSeed(pbkdf2Sync(devnetMnemonic, 'mnemonic', 2048, 64, 'sha512'))
const accounts = new Map<Role, HDAccount>()

/** The account of a role. Its key is public knowledge. Spec: BIP-39, BIP-32. */
export function accountOf(role: Role): HDAccount {
  const known = accounts.get(role)
  if (known !== undefined) return known
  const account = hdKeyToAccount(master, { addressIndex: roles.indexOf(role) })
  accounts.set(role, account)
  return account
}

/** The private key of a role's account, as 32 bytes. */
export function privateKeyOf(role: Role): Uint8Array {
  const key = accountOf(role).getHdKey().privateKey
  assert(key !== null, `${role} has a private key`)
  return key
}

/** The addresses of all roles, for the readiness line. */
export function accountList(): readonly { readonly role: Role; readonly address: Address }[] {
  return roles.map((role) => ({ role, address: accountOf(role).address }))
}
