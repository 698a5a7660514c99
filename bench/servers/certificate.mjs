// Owns the certificate of servers under measurement.
import { generate } from 'selfsigned'

/** A new key (P-256) with its certificate, in PEM. */
export async function makeCertificate() {
  const subject = [{ name: 'commonName', value: '127.0.0.1' }]
  const { private: key, cert } = await generate(subject, { algorithm: 'sha256', keyType: 'ec' })
  return { key, cert }
}
