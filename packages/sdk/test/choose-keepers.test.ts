import { expect, test } from 'vitest'

import { ofDifferentTees } from '../src/choose-keepers.ts'

test.for<[readonly (number | undefined)[], readonly number[]]>([
  [
    [2, 2, 3, 4],
    [0, 2, 3],
  ],
  [
    [2, 3, 2, 3],
    [0, 1, 2],
  ],
  [
    [2, 2, 2, 2],
    [0, 1, 2],
  ],
  [
    [4, undefined, undefined, 2],
    [0, 3, 1],
  ],
  [
    [undefined, undefined, undefined, undefined],
    [0, 1, 2],
  ],
  [
    [2, 3],
    [0, 1],
  ],
])('of %j the keepers are %j', ([tees, places]) => {
  const nodes = tees.map((tee, place) => ({ tee, place }))
  expect(ofDifferentTees(nodes, 3).map(({ place }) => place)).toEqual(places)
})
