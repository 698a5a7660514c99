// Owns what `import 'bufferutil'` gives where this package stands in its place: that object as default, and both by name.
export { default, mask, unmask } from 'hotsocket/bufferutil'
