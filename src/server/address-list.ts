// Owns lists of addresses and networks, as options name them. Must not know what is allowed to them.
import { BlockList, isIP } from 'node:net'

/** Makes the list of addresses such as '10.0.0.1' and networks such as '10.0.0.0/8' or 'fd00::/8'; returns what is neither. */
export function parseAddresses(items: readonly string[]): BlockList | string {
  const list = new BlockList()
  for (const item of items) {
    const [address = '', prefix, ...more] = item.split('/')
    const version = isIP(address)
    const family = version === 6 ? 'ipv6' : 'ipv4'
    if (version === 0 || more.length > 0 || address.includes('%')) return item
    if (prefix === undefined) list.addAddress(address, family)
    else if (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (version === 6 ? 128 : 32))
      list.addSubnet(address, Number(prefix), family)
    else return item
  }
  return list
}

/** Tells whether an address is in a list; null is in none. An IPv4 address mapped to IPv6 is the IPv4 address. */
export function includesAddress(list: BlockList, address: string | null): boolean {
  if (address === null) return false
  const plain = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address
  return list.check(plain, isIP(plain) === 6 ? 'ipv6' : 'ipv4')
}
