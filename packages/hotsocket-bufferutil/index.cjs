// Owns what `require('bufferutil')` gives where this package stands in its place: an object with mask and unmask.
'use strict'

module.exports = require('hotsocket/bufferutil')
