import { describe, expect, test } from 'vitest'
import { createHostCheck } from '../../src/cli/host-check.js'

describe('createHostCheck', () => {
  test.each([
    [
      '127.0.0.1',
      ['localhost', 'localhost:9999', 'LocalHost:1', '127.0.0.1', '127.0.0.1:80', '[::1]:80', '[::1]']
    ],
    ['127.1.2.3', ['127.1.2.3', '127.1.2.3:80', 'localhost']],
    ['::1', ['[::1]:80', 'localhost']],
    ['localhost', ['localhost:80', '127.0.0.1']],
    ['0.0.0.0', ['anything', '192.0.2.1:80', undefined]],
    ['example.com', ['example.com', 'other.example']],
    ['', ['anything']]
  ])('at %j passes %j', (listenHost, hosts) => {
    const isOwn = createHostCheck(listenHost)
    expect(hosts.filter((host) => !isOwn(host))).toEqual([])
  })

  test.each(['127.0.0.1', '127.1.2.3', '::1', 'localhost'])('at %j refuses names of others', (listenHost) => {
    const isOwn = createHostCheck(listenHost)
    const others = [
      'evil.example',
      'evil.example:9999',
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      '::1',
      '',
      '127.0.0.2',
      'localhost:80:90',
      undefined
    ]
    expect(others.filter((host) => isOwn(host))).toEqual([])
  })
})
