// Owns what `import 'ws'` gives where this package stands in its place: the class as default, and all by name.

export * from 'hotsocket/ws'
export { default } from 'hotsocket/ws'
