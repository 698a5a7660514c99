// Owns the types of index.mjs.
export { default, mask, unmask } from 'hotsocket/bufferutil'
