import { expect, test } from 'vitest'
import { canonicalXml } from '../src/xml/canonical.ts'
import { parseXml, type XmlElement } from '../src/xml/parse.ts'

const canonical = (text: string): string => canonicalXml([parseXml(text, 'example')])

// The examples of Canonical XML 1.1 section 3, without what a document type adds to them: those are refused.

test('3.1: comments and what is around the root element are left out', () => {
  const text =
    '<?xml version="1.0"?>\n\n<!-- Comment 1 -->\n<doc>Hello, world!<!-- Comment 1 --></doc>\n<!-- Comment 3 -->\n'
  expect(canonical(text)).toBe('<doc>Hello, world!</doc>')
})

test('3.2: white space in content stays', () => {
  const text = `<doc>
   <clean>   </clean>
   <dirty>   A   B   </dirty>
   <mixed>
      A
      <clean>   </clean>
      B
      <dirty>   A   B   </dirty>
      C
   </mixed>
</doc>`
  expect(canonical(text)).toBe(text)
})

test('3.3: tags are written out, attributes sorted, and namespaces declared once', () => {
  const text = `<doc>
   <e1   />
   <e2   ></e2>
   <e3   name = "elem3"   id="elem3"   />
   <e4   name="elem4"   id="elem4"   ></e4>
   <e5 a:attr="out" b:attr="sorted" attr2="all" attr="I'm"
      xmlns:b="http://www.ietf.org"
      xmlns:a="http://www.w3.org"
      xmlns="http://example.org"/>
   <e6 xmlns="" xmlns:a="http://www.w3.org">
      <e7 xmlns="http://www.ietf.org">
         <e8 xmlns="" xmlns:a="http://www.w3.org">
            <e9 xmlns="" xmlns:a="http://www.ietf.org"/>
         </e8>
      </e7>
   </e6>
</doc>`
  expect(canonical(text)).toBe(`<doc>
   <e1></e1>
   <e2></e2>
   <e3 id="elem3" name="elem3"></e3>
   <e4 id="elem4" name="elem4"></e4>
   <e5 xmlns="http://example.org" xmlns:a="http://www.w3.org" xmlns:b="http://www.ietf.org" attr="I'm" attr2="all" b:attr="sorted" a:attr="out"></e5>
   <e6 xmlns:a="http://www.w3.org">
      <e7 xmlns="http://www.ietf.org">
         <e8 xmlns="">
            <e9 xmlns:a="http://www.ietf.org"></e9>
         </e8>
      </e7>
   </e6>
</doc>`)
})

test('3.4: references and character data become characters, and what has to be is escaped again', () => {
  const text = `<doc>
   <text>First line&#x0d;&#10;Second line</text>
   <value>&#x32;</value>
   <compute><![CDATA[value>"0" && value<"10" ?"valid":"error"]]></compute>
   <compute expr='value>"0" &amp;&amp; value&lt;"10" ?"valid":"error"'>valid</compute>
   <norm attr=' &apos;   &#x20;&#13;&#xa;&#9;   &apos; '/>
</doc>`
  expect(canonical(text)).toBe(`<doc>
   <text>First line&#xD;
Second line</text>
   <value>2</value>
   <compute>value&gt;"0" &amp;&amp; value&lt;"10" ?"valid":"error"</compute>
   <compute expr="value>&quot;0&quot; &amp;&amp; value&lt;&quot;10&quot; ?&quot;valid&quot;:&quot;error&quot;">valid</compute>
   <norm attr=" '    &#xD;&#xA;&#x9;   ' "></norm>
</doc>`)
})

test('3.6: characters outside ASCII are written as they are', () => {
  expect(canonical('<doc>&#169;</doc>')).toBe('<doc>©</doc>')
})

test('3.7: an element out of a document takes namespaces, xml:lang and xml:space with it', () => {
  const root = parseXml(
    `<doc xmlns="http://www.ietf.org" xmlns:w3c="http://www.w3.org" xml:lang="en" xml:id="D">
   <e1 xml:lang="fr"><e2 xmlns="" xml:space="preserve"><e3 id="E3"/></e2></e1></doc>`,
    'example',
  )
  const path = [root]
  for (const name of ['e1', 'e2', 'e3']) path.push(childNamed(path.at(-1)!, name))
  expect(canonicalXml(path)).toBe(
    '<e3 xmlns:w3c="http://www.w3.org" id="E3" xml:lang="fr" xml:space="preserve"></e3>',
  )
  expect(canonicalXml(path.slice(0, 2))).toBe(
    '<e1 xmlns="http://www.ietf.org" xmlns:w3c="http://www.w3.org" xml:lang="fr"><e2 xmlns="" xml:space="preserve"><e3 id="E3"></e3></e2></e1>',
  )
})

test('an element that is left out leaves the text around it', () => {
  const root = parseXml('<doc>\n<a/>\r\n<b><c/></b>\n</doc>', 'example')
  expect(canonicalXml([root], childNamed(root, 'b'))).toBe('<doc>\n<a></a>\n\n</doc>')
})

test('a canonical document is its own canonical form', () => {
  const text =
    '<a xmlns="u:v" xmlns:b="u:w" x="&#9;1&quot;" b:x="2">&#13;&amp;<b:c xmlns=""/>]]&gt;</a>'
  const once = canonical(text)
  expect(canonical(once)).toBe(once)
})

function childNamed(element: XmlElement, name: string): XmlElement {
  for (const child of element.content)
    if (typeof child !== 'string' && child.name === name) return child
  throw new Error(`No ${name}`)
}
