import { describe, expect, test } from 'vitest'
import { createFakeResolver } from './fake-resolver.ts'
import { findMailHosts, type MailHostsOptions } from './mail-hosts.ts'
import type { Zone } from './zone.ts'

const ZONE: Zone = {
  'example.com': {
    MX: [
      [20, 'backup.example.com'],
      [10, 'mx1.example.com'],
      [10, 'mx2.example.com'],
    ],
  },
  'mx1.example.com': { A: ['192.0.2.1', '192.0.2.11'], AAAA: ['2001:db8::1'] },
  'mx2.example.com': { A: ['192.0.2.2'] },
  'backup.example.com': { A: ['192.0.2.3'] },
  'plain.example': { A: ['192.0.2.4'] },
  'six.example': { AAAA: ['2001:db8::6'] },
  'empty.example': { TXT: ['nothing here'] },
  'nomail.example': { MX: [[0, '']], A: ['192.0.2.5'] },
  'nowhere.example': { MX: [[10, 'gone.example']] },
  'broken.example': { fail: 'servfail' },
  'half.example': {
    MX: [
      [10, 'broken.example'],
      [20, 'plain.example'],
    ],
  },
  'unanswered.example': { MX: [[10, 'broken.example']] },
  'ours.example': {
    MX: [
      [10, 'mx1.example.com'],
      [20, 'us.example'],
      [30, 'backup.example.com'],
    ],
  },
  'first.example': {
    MX: [
      [10, 'us.example'],
      [10, 'mx1.example.com'],
      [20, 'backup.example.com'],
    ],
  },
  'us.example': { A: ['192.0.2.99'] },
  'alias.example': { MX: [[10, 'alias-of-us.example']] },
  'alias-of-us.example': { A: ['192.0.2.99'] },
}

function options(more: Partial<MailHostsOptions> = {}): MailHostsOptions {
  return {
    dns: createFakeResolver(ZONE),
    port: 25,
    protocols: 'all',
    mx: true,
    random: () => 0.5,
    isSelf: (name, address) => name === 'us.example' || address === '192.0.2.99',
    ...more,
  }
}
async function names(domain: string, more?: Partial<MailHostsOptions>): Promise<string[] | string> {
  const found = await findMailHosts(domain, options(more))
  return found.kind === 'none' ? found.why : found.hosts.map((host) => `${host.name} ${host.addresses.join(' ')}`)
}

const MX1 = 'mx1.example.com 2001:db8::1 192.0.2.1 192.0.2.11'

describe('hosts of a domain', () => {
  test('by preference, both families in turns', async () => {
    expect(await names('example.com')).toEqual([MX1, 'mx2.example.com 192.0.2.2', 'backup.example.com 192.0.2.3'])
  })

  test('equal ones in random order', async () => {
    const numbers = [0.9, 0.1, 0.2]
    const mixed = await names('example.com', { random: () => numbers.shift()! })
    expect(mixed).toEqual(['mx2.example.com 192.0.2.2', MX1, 'backup.example.com 192.0.2.3'])
  })

  test.each([
    ['ipv4', ['mx1.example.com 192.0.2.1 192.0.2.11', 'mx2.example.com 192.0.2.2', 'backup.example.com 192.0.2.3']],
    ['ipv6', ['mx1.example.com 2001:db8::1']],
  ] as const)('of one family: %s', async (protocols, expected) => {
    expect(await names('example.com', { protocols })).toEqual(expected)
  })

  test.each<[string, string, string[] | string]>([
    ['implicit MX', 'plain.example', ['plain.example 192.0.2.4']],
    ['implicit MX over IPv6', 'six.example', ['six.example 2001:db8::6']],
    ['null MX', 'nomail.example', 'nullMx'],
    ['no such domain', 'missing.example', 'nxdomain'],
    ['no address', 'empty.example', 'noAddress'],
    ['MX without address', 'nowhere.example', 'noAddress'],
    ['an address literal', '[192.0.2.7]', ['192.0.2.7 192.0.2.7']],
    ['an IPv6 literal', '[ipv6:2001:db8::7]', ['2001:db8::7 2001:db8::7']],
    ['one host unknown for now', 'half.example', ['plain.example 192.0.2.4']],
    ['only hosts better than us', 'ours.example', [MX1]],
    ['us first', 'first.example', 'loop'],
    ['us by address', 'alias.example', 'loop'],
    ['us without MX', 'us.example', 'loop'],
    ['us as a literal', '[192.0.2.99]', 'loop'],
  ])('%s', async (_name, domain, expected) => expect(await names(domain)).toEqual(expected))

  test('a literal of a family that is not spoken', async () => {
    expect(await names('[192.0.2.7]', { protocols: 'ipv6' })).toBe('noAddress')
  })

  test('a host by its own name: no MX is asked for', async () => {
    expect(await names('example.com', { mx: false })).toBe('noAddress')
    expect(await names('plain.example', { mx: false })).toEqual(['plain.example 192.0.2.4'])
  })

  test.each(['broken.example', 'unanswered.example'])('no answer is no answer: %s', async (domain) => {
    await expect(findMailHosts(domain, options())).rejects.toMatchObject({ kind: 'temporary' })
  })

  test('very many MX and addresses are cut', async () => {
    const many: Zone = {
      'many.example': { MX: Array.from({ length: 100 }, (_, i) => [i, 'big.example'] as const) },
      'big.example': { A: Array.from({ length: 100 }, (_, i) => `192.0.2.${i}`) },
    }
    const found = await findMailHosts('many.example', options({ dns: createFakeResolver(many), isSelf: () => false }))
    expect(found.kind === 'hosts' && [found.hosts.length, found.hosts[0]!.addresses.length]).toEqual([10, 10])
  })
})
