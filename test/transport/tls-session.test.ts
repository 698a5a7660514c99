import { describe, expect, it } from 'vitest'
import { readSession } from '../../src/transport/tls-session.js'

/** One element of DER. */
function element(tag: number, content: readonly number[]): number[] {
  const { length } = content
  if (length < 128) return [tag, length, ...content]
  return [tag, 0x82, length >> 8, length & 0xff, ...content]
}

const session = (...elements: number[][]) => Uint8Array.from(element(0x30, elements.flat()))
const version = element(2, [1])
const flags = (...value: number[]) => element(0xad, element(2, value))
const NOTHING = { hasExtendedMasterSecret: null, peerCertificate: null }

describe('readSession', () => {
  it('RFC 7627 finds the flag of the extended master secret', () => {
    expect(readSession(session(version, flags(1)))).toEqual({
      hasExtendedMasterSecret: true,
      peerCertificate: null
    })
    expect(readSession(session(version, flags(1, 3))).hasExtendedMasterSecret).toBe(true)
    expect(readSession(session(version, flags(2))).hasExtendedMasterSecret).toBe(false)
    expect(readSession(session(version)).hasExtendedMasterSecret).toBe(false)
  })

  it('finds the certificate, behind and before elements of any length', () => {
    const certificate = element(
      0x30,
      Array.from({ length: 300 }, (_, i) => i & 0xff)
    )
    const bytes = session(version, element(4, Array(200).fill(9)), element(0xa3, certificate), flags(1))
    expect(readSession(bytes)).toEqual({
      hasExtendedMasterSecret: true,
      peerCertificate: Uint8Array.from(certificate)
    })
  })

  it('what is no such session says nothing, at whatever byte it ends', () => {
    const whole = session(version, element(0xa3, element(0x30, Array(200).fill(1))), flags(1))
    for (let length = 0; length < whole.length; length++) {
      expect(readSession(whole.subarray(0, length))).toEqual(NOTHING)
    }
    expect(readSession(undefined)).toEqual(NOTHING)
    expect(readSession(Uint8Array.from(element(0x31, [])))).toEqual(NOTHING)
    // BoringSSL has a string there.
    expect(readSession(session(version, element(0xad, element(4, [1]))))).toEqual(NOTHING)
    expect(readSession(session(version, [0xad]))).toEqual(NOTHING)
    expect(readSession(Uint8Array.of(0x30, 0x84, 0xff, 0xff, 0xff, 0xff))).toEqual(NOTHING)
  })
})
