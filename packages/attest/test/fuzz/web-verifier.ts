import { registerHooks } from 'node:module'
import type { Verifier } from './case.ts'

const mark = '?crypto=web'
const source = new URL('../../src/', import.meta.url).href
const webCrypto = new URL('crypto-web.ts', source).href

let loading: Promise<Verifier> | undefined

/**
 * A second copy of the package that computes with WebCrypto, as in a browser: beside the first in one process, so that
 * the same input goes through both.
 */
export function webVerifier(): Promise<Verifier> {
  loading ??= load()
  return loading
}

async function load(): Promise<Verifier> {
  registerHooks({
    resolve(specifier, context, next) {
      const inCopy = context.parentURL?.startsWith(source) && context.parentURL.endsWith(mark)
      if (inCopy === true && specifier === '#crypto')
        return { url: webCrypto + mark, format: 'module-typescript', shortCircuit: true }
      const resolved = next(specifier, context)
      const belongs = inCopy === true && resolved.url.startsWith(source)
      return belongs ? { ...resolved, url: resolved.url + mark } : resolved
    },
  })
  const copy: Verifier = await import(`${source}index.ts${mark}`)
  return copy
}
