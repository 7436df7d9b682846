import { MalformedError } from '@cloister/codec'

const pathBytesMax = 1024
const nameBytesMax = 255
const depthMax = 64

/**
 * Asserts that a path stays in its bundle: relative, no empty name, `.` or `..`, and no character that a list can't hold.
 *
 * @throws {MalformedError} naming `where`.
 */
export function checkPath(path: string, where: string): void {
  checkCharacters(path, where)
  const names = path.split('/')
  if (names.length > depthMax)
    throw new MalformedError(where, 0, `a path of more than ${depthMax} names`)
  for (const name of names) {
    if (name === '' || name === '.' || name === '..')
      throw new MalformedError(where, 0, 'expected a path that stays in the bundle')
    if (Buffer.byteLength(name) > nameBytesMax)
      throw new MalformedError(where, 0, `a name of more than ${nameBytesMax} bytes`)
  }
}

/**
 * Asserts that a link stays in its bundle: an absolute target begins at the bundle's own root, a relative one climbs no higher.
 *
 * @throws {MalformedError} naming `where`.
 */
export function checkLink(path: string, target: string, where: string): void {
  checkCharacters(target, where)
  let depth = target.startsWith('/') ? 0 : path.split('/').length - 1
  for (const name of target.split('/')) {
    if (name === '..') depth -= 1
    else if (name !== '' && name !== '.') depth += 1
    if (depth < 0) throw new MalformedError(where, 0, 'a link that leaves the bundle')
  }
}

function checkCharacters(text: string, where: string): void {
  if (Buffer.byteLength(text) > pathBytesMax)
    throw new MalformedError(where, 0, `a path of more than ${pathBytesMax} bytes`)
  for (const character of text)
    if (character < ' ' || character === '\u007f')
      throw new MalformedError(where, 0, 'a control character in a path')
}
