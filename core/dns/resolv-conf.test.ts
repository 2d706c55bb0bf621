import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { parseNameServer, systemNameServers } from './resolv-conf.ts'

const folder = mkdtempSync(join(tmpdir(), 'resolv-'))
afterAll(() => rmSync(folder, { recursive: true }))

test.each([
  ['192.0.2.1', '192.0.2.1', 53],
  ['192.0.2.1:5353', '192.0.2.1', 5353],
  ['2001:db8::1', '2001:db8::1', 53],
  ['[2001:db8::1]:5353', '2001:db8::1', 5353],
])('%s', (text, host, port) => expect(parseNameServer(text)).toEqual({ ok: true, value: { host, port } }))

test.each(['', 'localhost', '192.0.2.1:0', '192.0.2.1:99999', '[x]:53'])('no server: %s', (text) =>
  expect(parseNameServer(text).ok).toBe(false),
)

test('reads the nameserver lines of resolv.conf', () => {
  const path = join(folder, 'resolv.conf')
  writeFileSync(path, '# nameserver 192.0.2.9\nsearch example.com\nnameserver 192.0.2.1\n nameserver\t2001:db8::1\n')
  expect(systemNameServers(path).map((server) => server.host)).toEqual(['192.0.2.1', '2001:db8::1'])
})

test('without a file it is the machine itself', () => {
  expect(systemNameServers(join(folder, 'missing'))).toEqual([{ host: '127.0.0.1', port: 53 }])
})
