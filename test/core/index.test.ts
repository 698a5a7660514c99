import { expect, it } from 'vitest'
import * as core from '../../src/core/index.js'

it('hotsocket/core exports what an embedder needs, and no inner part', () => {
  expect(Object.keys(core).sort()).toEqual([
    'BinaryMessage',
    'BytePool',
    'CloseCode',
    'ControlFrame',
    'DEFAULT_LIMITS',
    'ExtensionMessage',
    'Frame',
    'HandshakeRequest',
    'HeadParser',
    'HeaderBit',
    'HeaderFields',
    'MAX_HEADER_COUNT',
    'MAX_HEAD_BYTES',
    'Message',
    'Opcode',
    'OutputBytes',
    'PreparedMessage',
    'Protocol',
    'REQUEST_LINE',
    'STATUS_LINE',
    'SharedBytes',
    'TextMessage',
    'Utf8Validator',
    'WebSocketError',
    'acceptKey',
    'canSendCloseCode',
    'chooseProtocol',
    'encodeAccept',
    'encodeRefusal',
    'encodeRequest',
    'isTrustedOrigin',
    'makeKey',
    'matchesLocation',
    'prepare',
    'readResponse',
    'readUpgrade',
    'toMessage'
  ])
})
