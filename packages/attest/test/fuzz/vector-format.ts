import { readdirSync, readFileSync } from 'node:fs'
import type { Format } from './case.ts'
import { parseFinding } from './finding.ts'

const folder = new URL('vectors/', import.meta.url)

/** Every input that once went wrong, judged again: `named` finds the format that it went wrong in. */
export function vectorFormat(named: (name: string) => Format | undefined): Format {
  return {
    name: 'vectors',
    what: 'inputs that once crashed a parser or passed as what they are not',
    open: async (bases) => {
      const names = readdirSync(folder).filter((name) => name.endsWith('.json'))
      return {
        total: names.length,
        make: (index) => {
          const name = names[index] ?? ''
          const { format, input } = parseFinding(readFileSync(new URL(name, folder), 'utf8'))
          if (input === undefined) throw new TypeError(`Cannot judge ${name}: it has no input`)
          const judge = async () => {
            const open = await named(format)?.open(bases)
            if (open === undefined) throw new TypeError(`Cannot judge ${name}: no ${format}`)
            return await open.again(input)
          }
          return { base: name, input, judge }
        },
        again: () => ({ outcome: 'a vector is judged by its own format' }),
      }
    },
  }
}
