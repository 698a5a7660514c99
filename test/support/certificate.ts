// Owns certificates for tests of TLS, each made once per test file.
import { generate } from 'selfsigned'

/** A key pair in PEM. */
export interface KeyPair {
  readonly key: string
  readonly cert: string
}

const pairs = new Map<string, Promise<KeyPair>>()

/** A key and a self-signed certificate for localhost. */
export function certificate(): Promise<KeyPair> {
  return certificateFor('localhost')
}

/** A key and a self-signed certificate for a name, or a pattern such as '*.example': always the same for the same name. */
export function certificateFor(name: string): Promise<KeyPair> {
  const pair = pairs.get(name) ?? makeCertificate(name)
  pairs.set(name, pair)
  return pair
}

/** A new key and a certificate for a name. */
export async function makeCertificate(name: string): Promise<KeyPair> {
  const { private: key, cert } = await generate([{ name: 'commonName', value: name }], {
    algorithm: 'sha256',
    keyType: 'ec',
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: name }] }]
  })
  return { key, cert }
}
