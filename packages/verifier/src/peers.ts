import { compareHex, sameHex, type Deployment } from '@cloister/protocol'
import type { Address } from 'viem'

import type { HomeChain } from './home-chain.ts'

/** Another verifier, and where it answers. */
export type PeerAddress = { readonly address: Address; readonly url: string }

/** Knows where the other members answer: as the Committee on chain says, else as the manifest does. */
export class Peers {
  readonly #home: HomeChain
  readonly #self: Address
  readonly #listed: Deployment['verifiers']

  constructor(home: HomeChain, self: Address, listed: Deployment['verifiers']) {
    this.#home = home
    this.#self = self
    this.#listed = listed
  }

  /** The current set, ascending. */
  async members(): Promise<readonly Address[]> {
    const { members } = await this.#home.committee(await this.#home.epoch())
    return members.toSorted(compareHex)
  }

  /** All other members of the current set that have an address. */
  async others(): Promise<readonly PeerAddress[]> {
    const peers: PeerAddress[] = []
    for (const address of await this.members()) {
      if (sameHex(address, this.#self)) continue
      const announced = await this.#home.memberUrl(address)
      const listed = this.#listed.find((each) => sameHex(each.address, address))
      const url = announced === '' ? (listed?.url ?? '') : announced
      if (isHttpUrl(url)) peers.push({ address, url: url.replace(/\/+$/, '') })
    }
    return peers
  }
}

/** Whether a text is an http or https address without credentials, query or fragment. */
export function isHttpUrl(text: string): boolean {
  if (text.length > 256 || !URL.canParse(text)) return false
  const { protocol, username, password, search, hash } = new URL(text)
  return (
    (protocol === 'http:' || protocol === 'https:') &&
    [username, password, search, hash].every((part) => part === '')
  )
}
