import { expect, test } from 'vitest'
import { FakeClock } from '../base/clock.ts'
import { createAdmission, MAX_CLIENTS } from './admission.ts'

const limits = { connections: 5, connectionsPerClient: 2, connectionsPerMinute: 4 }
const nobody = (): boolean => false
const start = (exempt: (ip: string) => boolean = nobody, over = limits) => {
  const clock = new FakeClock()
  return { clock, admission: createAdmission(over, clock, exempt) }
}

test('one client holds no more than its share of connections', () => {
  const { admission } = start()
  expect([admission.enter('192.0.2.1'), admission.enter('192.0.2.1')]).toEqual([null, null])
  expect(admission.enter('192.0.2.1')).toBe('tooManyConnections')
  expect(admission.enter('192.0.2.2')).toBeNull()
  admission.leave('192.0.2.1')
  expect(admission.enter('192.0.2.1')).toBeNull()
})

test('the process holds no more than its limit, whoever asks', () => {
  const { admission } = start(() => true)
  for (let n = 0; n < 5; n++) expect(admission.enter('127.0.0.1')).toBeNull()
  expect(admission.enter('127.0.0.1')).toBe('overloaded')
  expect(admission.open).toBe(5)
})

test('a client that reconnects too fast is refused until the minute is over', () => {
  const { admission, clock } = start()
  for (let n = 0; n < 4; n++) {
    expect(admission.enter('192.0.2.1')).toBeNull()
    admission.leave('192.0.2.1')
  }
  expect(admission.enter('192.0.2.1')).toBe('tooFast')
  clock.advance(61_000)
  expect(admission.enter('192.0.2.1')).toBeNull()
})

test('failed logins are slowed, then banned, then forgiven', () => {
  const { admission, clock } = start()
  const waits = Array.from({ length: 10 }, () => admission.loginFailed('192.0.2.1'))
  expect(waits).toEqual([0, 0, 1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000])
  expect(admission.isBanned('192.0.2.1')).toBe(true)
  expect(admission.enter('192.0.2.1')).toBe('banned')
  expect(admission.isBanned('192.0.2.2')).toBe(false)
  clock.advance(15 * 60_000 + 1)
  expect(admission.enter('192.0.2.1')).toBeNull()
})

test('a good login forgives the failed ones before it', () => {
  const { admission } = start()
  for (let n = 0; n < 9; n++) admission.loginFailed('192.0.2.1')
  admission.loginSucceeded('192.0.2.1')
  expect(admission.loginFailed('192.0.2.1')).toBe(0)
})

test('exempt clients are slowed but never banned', () => {
  const { admission } = start((ip) => ip === '127.0.0.1')
  for (let n = 0; n < 50; n++) admission.loginFailed('127.0.0.1')
  expect(admission.loginFailed('127.0.0.1')).toBe(10_000)
  expect(admission.isBanned('127.0.0.1')).toBe(false)
})

test('a flood of clients is forgotten in the order it came; those that are banned last are kept', () => {
  const { admission, clock } = start(nobody, { ...limits, connections: 10 * MAX_CLIENTS })
  for (let n = 0; n < 2 * MAX_CLIENTS; n++) {
    const ip = `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`
    admission.enter(ip)
    admission.leave(ip)
  }
  for (let n = 0; n < 10; n++) admission.loginFailed('192.0.2.9')
  clock.advance(120_000)
  expect(admission.isBanned('192.0.2.9')).toBe(true)
  expect(admission.enter('10.0.0.1')).toBeNull()
})
