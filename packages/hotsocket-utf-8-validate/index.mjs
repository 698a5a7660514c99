// Owns what `import 'utf-8-validate'` gives where this package stands in its place: that function as default.
export { default } from 'hotsocket/utf-8-validate'
