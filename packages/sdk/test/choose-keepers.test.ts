import type { NodeTee } from '@cloister/protocol'
import { expect, test } from 'vitest'

import { ofDifferentTees } from '../src/choose-keepers.ts'

test.for<[readonly (NodeTee | undefined)[], readonly number[]]>([
  [
    ['tdx', 'tdx', 'sev-snp', 'aws-nitro'],
    [0, 2, 3],
  ],
  [
    ['tdx', 'sev-snp', 'tdx', 'sev-snp'],
    [0, 1, 2],
  ],
  [
    ['tdx', 'tdx', 'tdx', 'tdx'],
    [0, 1, 2],
  ],
  [
    ['aws-nitro', undefined, undefined, 'tdx'],
    [0, 3, 1],
  ],
  [
    [undefined, undefined, undefined, undefined],
    [0, 1, 2],
  ],
  [
    ['tdx', 'sev-snp'],
    [0, 1],
  ],
])('of %j the keepers are %j', ([tees, places]) => {
  const nodes = tees.map((tee, place) => ({ tee, place }))
  expect(ofDifferentTees(nodes, 3).map(({ place }) => place)).toEqual(places)
})
