import { DerReader, derTags, encodeUtf8, MalformedError, type Bytes } from '@cloister/codec'

/** Reads every element with every method that its tag allows. */
export function walkDer(input: Bytes | string): void {
  walk(new DerReader(typeof input === 'string' ? encodeUtf8(input) : input), 0)
}

const depthMax = 64

function walk(r: DerReader, depth: number): void {
  while (r.remaining > 0) {
    const { tag, whole, content } = r.any('element')
    const single = (): DerReader => new DerReader(whole)
    switch (tag) {
      case derTags.boolean:
        single().boolean('boolean')
        break
      case derTags.integer:
        single().integer('integer')
        ignoreRefusal(() => single().unsigned('integer'))
        break
      case derTags.bitString:
        single().bits('bits')
        break
      case derTags.objectId:
        single().objectId('id')
        break
      case derTags.utcTime:
      case derTags.generalizedTime:
        single().time('time')
        break
      default:
        if ((tag & 0x20) !== 0 && depth < depthMax) walk(new DerReader(content), depth + 1)
        else if (content[0] === derTags.sequence)
          ignoreRefusal(() => walk(new DerReader(content), depth + 1))
    }
  }
  r.end('elements')
}

/** What need not be DER, or no small number, may be refused. */
function ignoreRefusal(read: () => unknown): void {
  try {
    read()
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error
  }
}
