// Owns what bundlers for browsers take in place of ws: as there, a function that says that a browser has its own.
'use strict'

module.exports = () => {
  throw new Error('ws does not work in the browser: use the global WebSocket there')
}
