import * as net from 'node:net'
import { expect, test } from 'vitest'
import { createRandom } from '../../test/kit/random.ts'
import { isIP, isIPv6 } from './ip.ts'

test('what is an address, and of which version, is what node:net says', () => {
  const texts = [
    '::1',
    '::',
    '1::',
    '2001:db8::25',
    '1:2:3:4:5:6:7:8',
    '1:2:3:4:5:6:7::',
    '::ffff:192.0.2.1',
    '192.0.2.1',
  ]
  const wrong = ['', ':', ':::', '1:', '1::2::3', '12345::', '1:2:3:4:5:6:7:8:9', '::1.2.3.400', 'g::', ' ::1', '[::1]']
  const zones = ['fe80::1%eth0', 'fe80::1%', 'fe80::1%a b', 'fe80::1%a%b', '::1\0']
  for (const text of [...texts, ...wrong, ...zones]) expect([text, isIP(text)]).toEqual([text, net.isIP(text)])
})

test('the same for texts by chance', () => {
  const random = createRandom(1)
  const letters = '0123af::::..%g'
  for (let n = 0; n < 20_000; n++) {
    const text = Array.from({ length: 1 + random() * 14 }, () => letters[Math.floor(random() * letters.length)]).join(
      '',
    )
    expect([text, isIPv6(text)]).toEqual([text, net.isIPv6(text)])
  }
})
