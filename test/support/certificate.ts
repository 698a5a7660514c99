// Owns a certificate for tests of TLS, made once per test file.
import { generate } from 'selfsigned'

let pair: Promise<{ key: string; cert: string }> | null = null

/** A key and a self-signed certificate for localhost. */
export function certificate(): Promise<{ key: string; cert: string }> {
  pair ??= generate([{ name: 'commonName', value: 'localhost' }], {
    algorithm: 'sha256',
    keyType: 'ec'
  }).then(({ private: key, cert }) => ({ key, cert }))
  return pair
}
