import { MalformedError } from '@cloister/codec'
import { expect, test } from 'vitest'
import { parseXml } from '../src/xml/parse.ts'
import { parseEnvelopedSignature, type EnvelopedSignature } from '../src/xml/signature.ts'
import { nvidia } from './nvidia-emulated.ts'

const document = nvidia().rim({ chip: 'GH100', kind: 'vbios' })
const read = (text: string): EnvelopedSignature =>
  parseEnvelopedSignature(parseXml(text, 'document'), 'document')
const whole = read(document)

/** The document with something in it replaced: it has to be there. */
function changed(from: string | RegExp, to: string): string {
  const text = document.replace(from, to)
  if (text === document) throw new Error(`${from} is not there`)
  return text
}

test.for([
  ['attributes in another order', /corpus="false" (name="GH100")/, '$1 corpus="false"'],
  ['white space in a tag', ' corpus="false"', '\n  corpus = "false" '],
  ['other quotes', 'corpus="false"', "corpus='false'"],
  ['a comment', '<ns0:Entity', '<!-- says nothing --><ns0:Entity'],
  ['an empty element with an end tag', 'tagCreator"/>', 'tagCreator"></ns0:Entity>'],
  ['a character as a reference', 'corpus="false"', 'corpus="&#102;alse"'],
  ['other line ends', /\n/g, '\r\n'],
  ['an XML declaration', /^/, '<?xml version="1.0" encoding="UTF-8"?>\n'],
] as const)('%s changes nothing that is signed', ([, from, to]) => {
  expect(read(changed(from, to))).toEqual(whole)
})

test.for([
  ['a value', 'corpus="false"', 'corpus="true"'],
  ['white space in content', '\n    <ns0:Entity', '\n   <ns0:Entity'],
  ['a prefix', 'ns0:Entity', 'ns2:Entity'],
  ['a namespace', 'rim-information-model/', 'another/'],
  ['an attribute', 'corpus="false"', 'corpus="false" more=""'],
  ['an element', '<ns0:Entity', '<ns0:Entity/><ns0:Entity'],
] as const)('%s changes what is signed', ([, from, to]) => {
  expect(read(changed(from, to)).content).not.toEqual(whole.content)
})

test('namespaces around SignedInfo are signed with it', () => {
  const other = changed('xmlns:ns2="http://www.w3.org/2001/04/xmlenc#sha384"', 'xmlns:ns2="u:v"')
  expect(read(other).signedInfo).not.toEqual(whole.signedInfo)
})

const info = '<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2006/12/xml-c14n11"/>'
const second = '<ds:Transform Algorithm="http://www.w3.org/2006/12/xml-c14n11"/>'

test.for([
  ['no signature', /<ds:Signature .*<\/ds:Signature>/s, ''],
  ['two signatures', /(<ds:Signature .*<\/ds:Signature>)/s, '$1$1'],
  ['a signature deeper down', /(<ds:Signature .*<\/ds:Signature>)/s, '<a>$1</a>'],
  ['a signature around another', '<ds:SignedInfo>', '<ds:Signature/><ds:SignedInfo>'],
  ['Canonical XML 1.0', info, info.replace('2006/12/xml-c14n11', 'TR/2001/REC-xml-c14n-20010315')],
  ['a reference to a part', 'URI=""', 'URI="#part"'],
  ['a reference to another document', 'URI=""', 'URI="https://example.org"'],
  ['no reference URI', 'URI=""', ''],
  ['two references', /(<ds:Reference .*<\/ds:Reference>)/s, '$1$1'],
  ['no transform that canonicalizes', second, ''],
  ['a transform more', second, `${second}${second}`],
  ['an XPath transform', 'xmldsig#enveloped-signature', 'xmldsig#xpath'],
  ['a transform with parameters', second, second.replace('/>', '><a/></ds:Transform>')],
  ['a digest by SHA-1', 'xmldsig-more#sha384', 'xmldsig#sha1'],
  ['a signature by HMAC', 'xmldsig-more#ecdsa-sha384', 'xmldsig#hmac-sha1'],
  ['a key that is not in a certificate', '<ds:X509Data>', '<ds:KeyValue/><ds:X509Data>'],
  ['an object beside', '</ds:KeyInfo>', '</ds:KeyInfo><ds:Object/>'],
  ['a value that is no base64', '<ds:SignatureValue>', '<ds:SignatureValue>*'],
  ['an element in a value', '<ds:DigestValue>', '<ds:DigestValue><a/>'],
  ['text between elements', '<ds:SignatureValue>', 'text<ds:SignatureValue>'],
  ['eleven certificates', /(<ds:X509Certificate>.*?<\/ds:X509Certificate>)/s, '$1'.repeat(8)],
] as const)('%s: nothing is read', ([, from, to]) => {
  expect(() => read(changed(from, to))).toThrow(MalformedError)
})
