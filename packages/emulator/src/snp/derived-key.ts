import { createHmac } from 'node:crypto'

import { OperationError, type Bytes } from '@cloister/codec'

/** What a guest asks its secure processor to derive a key from. Spec: AMD 56860, MSG_KEY_REQ. */
export type DerivedKeyRequest = {
  /** 0 the chip's own secret (VCEK); 1 the migration root key, which an emulated machine does not have. */
  readonly rootKeySelect: number
  /** Which facts of the guest the key is bound to: bit 0 policy, 3 measurement; other bits are refused. */
  readonly guestFieldSelect: number
  readonly vmpl: number
}

/** The facts of the guest that a key can be bound to. */
export type DerivedKeyGuest = { readonly policy: bigint; readonly measurement: Bytes }

const fieldBits = { policy: 0b0001, measurement: 0b1000 }
const known = fieldBits.policy | fieldBits.measurement

/**
 * The 32-byte key that a chip derives for one guest: the same after a restart, another for another chip, measurement or
 * privilege level. How a real chip mixes them is its own affair; that they all count is what the specification promises.
 *
 * @throws {OperationError} `derived-key` for what this chip does not do.
 */
export function snpDerivedKey(
  chipSecret: Bytes,
  { rootKeySelect, guestFieldSelect, vmpl }: DerivedKeyRequest,
  { policy, measurement }: DerivedKeyGuest,
): Bytes {
  if (rootKeySelect !== 0)
    throw new OperationError(
      'derived-key',
      'Cannot derive from a migration root key: there is none; select 0',
    )
  if ((guestFieldSelect & ~known) !== 0 || vmpl < 0 || vmpl > 3)
    throw new OperationError(
      'derived-key',
      `Cannot derive a key for field selection ${guestFieldSelect} at VMPL ${vmpl}: bits 0 and 3 and VMPL 0 to 3 are served`,
    )
  const hash = createHmac('sha256', chipSecret).update(`${guestFieldSelect} ${vmpl} `)
  if ((guestFieldSelect & fieldBits.policy) !== 0) hash.update(`policy ${policy} `)
  if ((guestFieldSelect & fieldBits.measurement) !== 0)
    hash.update('measurement ').update(measurement)
  return new Uint8Array(hash.digest())
}
