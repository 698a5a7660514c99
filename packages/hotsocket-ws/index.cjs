// Owns what `require('ws')` gives where this package stands in its place: the class, with all else as its properties.
'use strict'

const { WebSocket } = require('hotsocket/ws')

module.exports = WebSocket
