// Owns the types of index.mjs.
export { default } from 'hotsocket/utf-8-validate'
