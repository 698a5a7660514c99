// Owns the entry point `hotsocket/streams`. Must not know how any of it works.

/**
 * `hotsocket/streams`: connections as streams of Node.js and of the web, and joined with TCP sockets as websockify does.
 *
 * @module
 */

export { createDuplex, type DuplexOptions } from './duplex.js'
export type { StreamEncoding } from './exchange.js'
export { createWebStreams, type WebStreams, type WebStreamsOptions } from './web-streams.js'
export { type BridgeEnd, type BridgeOptions, bridge, type WebsockifyProtocol } from './websockify.js'
