// Owns the making of a certificate for development. Loaded only when one is asked for; the build bundles `selfsigned`
// into it, so that the package needs nothing more at run time.
import { isIP } from 'node:net'
import { generate } from 'selfsigned'

/** A key pair in PEM. */
export interface KeyPair {
  readonly key: string
  readonly cert: string
}

const VALID_DAYS = 30

/** Makes a certificate for this machine's own names and for `host`, valid for 30 days, with a new key (P-256). */
export async function makeSelfSigned(host: string): Promise<KeyPair> {
  const names = new Set(['localhost', '127.0.0.1', '::1', host])
  const notAfterDate = new Date(Date.now() + VALID_DAYS * 24 * 60 * 60 * 1000)
  const pair = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notAfterDate,
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames: [...names].map(toAltName) }
    ]
  })
  return { key: pair.private, cert: pair.cert }
}

/** The numbers are the context tags of GeneralName: dNSName and iPAddress. Source: RFC 5280 §4.2.1.6. */
function toAltName(name: string) {
  return isIP(name) === 0 ? ({ type: 2, value: name } as const) : ({ type: 7, ip: name } as const)
}
