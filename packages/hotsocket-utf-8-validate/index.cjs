// Owns what `require('utf-8-validate')` gives where this package stands in its place: a function.
'use strict'

module.exports = require('hotsocket/utf-8-validate')
