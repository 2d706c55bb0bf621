// The keys under which an address, a domain or a host name is looked up in an access table, closest first.
import { type Address, splitDetail } from 'estafeta/plugin'

/** `mx.sub.example.org`: itself, then `.sub.example.org`, `sub.example.org` and so on up. A literal stands for itself. */
export function domainKeys(domain: string): string[] {
  if (domain === '' || domain.startsWith('[')) return [domain]
  const labels = domain.toLowerCase().split('.')
  const parents = labels.slice(1).map((_, i) => labels.slice(i + 1).join('.'))
  return [labels.join('.'), ...parents.flatMap((parent) => [`.${parent}`, parent])]
}

/** `user+detail@domain`, `user@domain`, the domain and those above it, `user+detail@`, `user@`. */
export function addressKeys({ local, domain }: Address, delimiter: string): string[] {
  const whole = local.toLowerCase()
  const user = splitDetail(whole, delimiter)?.user
  const names = user === undefined ? [whole] : [whole, user]
  return [...names.map((name) => `${name}@${domain}`), ...domainKeys(domain), ...names.map((name) => `${name}@`)]
}
