import { networkInterfaces } from 'node:os'
import { describe, expect, test, vi } from 'vitest'
import { testSite } from '../../test/kit/site.ts'
import { FakeClock } from '../base/clock.ts'
import { createFakeResolver } from '../dns/fake-resolver.ts'
import { relayHostFinder } from './relay.ts'

vi.mock('node:os', async (original) => ({
  ...(await original<typeof import('node:os')>()),
  networkInterfaces: vi.fn(() => ({ lo: [{ address: '::1' }], eth0: [{ address: '192.0.2.1' }] })),
}))

describe('hosts of a domain, where this server listens at all addresses', () => {
  const clock = new FakeClock()
  const dns = createFakeResolver({ 'us.test': { A: ['192.0.2.1'] }, 'there.test': { A: ['192.0.2.2'] } })
  const listen = [{ service: 'smtp', host: '*', port: 25, path: null, options: {} }]
  const find = relayHostFinder({ dns, site: testSite('.', { listen }), clock })
  const found = async (name: string, port = 25) => {
    const answer = await find(name, { port, mx: false }, AbortSignal.timeout(1000))
    return answer.kind === 'none' ? answer.why : answer.hosts.map((host) => host.name)
  }

  test('this machine is a loop at ports where it listens', async () => {
    expect(await found('us.test')).toBe('loop')
    expect(await found('127.0.0.2')).toBe('loop')
    for (const address of ['0.0.0.0', '[ipv6:::]', '[ipv6:::1]', '[ipv6:::ffff:7f00:1]', '[ipv6:::ffff:192.0.2.1]'])
      expect(await found(address), address).toBe('loop')
    expect(await found('us.test', 26)).toEqual(['us.test'])
    expect(await found('there.test')).toEqual(['there.test'])
  })

  test('its addresses are asked for again after a while, not for every mail', async () => {
    const asked = vi.mocked(networkInterfaces)
    clock.advance(60_000)
    asked.mockClear()
    for (let i = 0; i < 3; i++) await found('there.test')
    expect(asked).toHaveBeenCalledTimes(1)
    asked.mockReturnValue({})
    clock.advance(60_000)
    expect(await found('us.test')).toEqual(['us.test'])
  })
})
