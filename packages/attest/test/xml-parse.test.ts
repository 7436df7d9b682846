import { MalformedError } from '@cloister/codec'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseXml, xmlLimits } from '../src/xml/parse.ts'

const refused: readonly (readonly [string, string, string])[] = [
  ['a document type', '<!DOCTYPE a><a/>', 'a document type or other declaration'],
  ['an entity of its own', '<a>&b;</a>', 'a reference to no character'],
  ['an unknown named entity', '<a>&nbsp;</a>', 'entity nbsp is not one of the five'],
  ['a processing instruction', '<a><?b c?></a>', 'a processing instruction'],
  ['a stylesheet before the root', '<?xml-stylesheet href="b"?><a/>', 'a processing instruction'],
  ['another encoding', '<?xml version="1.0" encoding="UTF-16"?><a/>', 'a processing instruction'],
  ['XML 1.1', '<?xml version="1.1"?><a/>', 'a processing instruction'],
  ['xml:base', '<a xml:base="u:v"/>', 'xml:base, which is not supported'],
  ['a relative namespace', '<a xmlns="b"/>', 'a namespace that is no absolute URI'],
  ['a prefix that is not declared', '<b:a/>', 'prefix b is not declared'],
  ['a prefix bound to nothing', '<a xmlns:b=""/>', 'a prefix bound to no namespace'],
  ['xml bound to another namespace', '<a xmlns:xml="u:v"/>', "that xml can't be bound to"],
  ['xmlns as a prefix to bind', '<a xmlns:xmlns="u:v"/>', "that xmlns can't be bound to"],
  ['an attribute twice', '<a b="1" b="2"/>', 'attribute b occurs twice'],
  [
    'an attribute twice under two prefixes',
    '<a xmlns:b="u:v" xmlns:c="u:v" b:d="1" c:d="2"/>',
    'attribute d occurs twice',
  ],
  ['a name outside ASCII', '<é/>', 'expected a name in ASCII'],
  ['two colons in a name', '<a:b:c/>', 'expected a name in ASCII'],
  ['a value without quotes', '<a b=c/>', 'expected a value in quotes'],
  ['< in a value', '<a b="<"/>', 'expected a value in quotes'],
  ['no space between attributes', '<a b="1"c="2"/>', 'expected > or />'],
  ['a bare ampersand', '<a>b & c</a>', 'a reference to no character'],
  ['a reference to zero', '<a>&#0;</a>', 'a reference to no character'],
  ['a reference to half a character', '<a>&#xD800;</a>', 'a reference to no character'],
  ['a control character', '<a>\u0001</a>', 'a character that XML does not allow'],
  ['half a character', '<a>\ud800</a>', 'a character that XML does not allow'],
  [']]> in a text', '<a>]]></a>', 'a text with ]]> in it'],
  ['-- in a comment', '<a><!-- b -- c --></a>', 'a comment without its end'],
  ['the wrong end tag', '<a><b></a></b>', '</a> ends nothing that is open'],
  ['no end tag', '<a><b></b>', 'ends inside <a>'],
  ['two roots', '<a/><b/>', 'something after the root element'],
  ['text after the root', '<a/>b', 'something after the root element'],
  ['nothing', '', 'expected an element'],
  ['text alone', 'a', 'expected an element'],
  ['a root that is only ended', '</a>', '</a> ends nothing that is open'],
]

test.for(refused)('%s is refused', ([, text, detail]) => {
  expect(() => parseXml(text, 'document')).toThrow(detail)
})

test.for([
  ['depth', `${'<a>'.repeat(16)}${'</a>'.repeat(16)}`, '<b>'.repeat(17)],
  ['elements', `<a>${'<b/>'.repeat(1023)}</a>`, `<a>${'<b/>'.repeat(1024)}</a>`],
  ['attributes', `<a${attributes(64)}/>`, `<a${attributes(65)}/>`],
  ['characters of a name', `<a><${'b'.repeat(128)}/></a>`, `<${'b'.repeat(129)}/>`],
  [
    'namespaces',
    `<a${namespaces(0, 8)}><b${namespaces(8, 16)}/><b${namespaces(4, 12)}/></a>`,
    `<a${namespaces(0, 8)}><b${namespaces(8, 17)}/></a>`,
  ],
  ['characters', `<a>${'b'.repeat(2 ** 17 - 7)}</a>`, `<a>${'b'.repeat(2 ** 17 - 6)}</a>`],
] as const)('%s are bounded', ([, most, more]) => {
  expect(parseXml(most, 'document')).toMatchObject({ name: 'a' })
  expect(() => parseXml(more, 'document')).toThrow(MalformedError)
})

test('texts around comments and character data are one', () => {
  expect(parseXml('<a>1<!-- 2 -->3<![CDATA[<4>]]>&#53;</a>', 'document').content).toEqual([
    '13<4>5',
  ])
})

test('a namespace holds for the elements in it, and a prefix can be bound anew', () => {
  const root = parseXml(
    '<a xmlns="u:1" xmlns:p="u:2"><p:b p:c="" c=""><a xmlns:p="u:3" p:d=""/></p:b></a>',
    'document',
  )
  const [b] = root.content
  expect(root.namespace).toBe('u:1')
  expect(b).toMatchObject({
    namespace: 'u:2',
    attributes: [
      { name: 'c', namespace: 'u:2' },
      { name: 'c', namespace: '' },
    ],
    content: [{ namespace: 'u:1', attributes: [{ name: 'd', namespace: 'u:3' }] }],
  })
})

test('any text is a document or malformed, within a second', () => {
  const parts = fc.constantFrom(
    ...['<', '>', '/', 'a', ' ', '=', '"', "'", '&', ';', '#x', '<!--', '-->', '<![CDATA[', ']]>'],
    ...['xmlns', ':', '<?xml', '?>', '<a ', '</a>', '\n', '\r', 'u:v'],
  )
  fc.assert(
    fc.property(fc.array(parts, { maxLength: 200 }), (list) => {
      try {
        parseXml(list.join(''), 'document')
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedError)
      }
    }),
    { numRuns: 3000, interruptAfterTimeLimit: 20_000 },
  )
  const start = performance.now()
  for (const part of ['<a ', '<a', '&', '&#', '<a b="', ']]', '<!--', "<a b='&amp;", ' '])
    expect(() => parseXml(part.repeat(xmlLimits.charactersMax / part.length), 'document')).toThrow(
      MalformedError,
    )
  expect(performance.now() - start).toBeLessThan(9000)
})

function attributes(count: number): string {
  return Array.from({ length: count }, (_, index) => ` b${index}=""`).join('')
}

function namespaces(from: number, to: number): string {
  return Array.from({ length: to - from }, (_, index) => ` xmlns:n${from + index}="u:v"`).join('')
}
