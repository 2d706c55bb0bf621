import { expect, test } from 'vitest'
import { FakeClock } from '../base/clock.ts'
import { ATTEMPT_LIMIT_MS, Attempts } from './attempts.ts'

test('an attempt is cut off soon after its time is over, others go on', () => {
  const clock = new FakeClock()
  const attempts = new Attempts(clock)
  const early = attempts.begin()
  clock.advance(60_000)
  const late = attempts.begin()
  clock.advance(ATTEMPT_LIMIT_MS - 60_001)
  expect(early.controller.signal.aborted).toBe(false)
  clock.advance(10_000)
  expect([early, late].map(({ controller }) => controller.signal.aborted)).toEqual([true, false])
})

test('the next attempt has its limit too, when there was none for a while', () => {
  const clock = new FakeClock()
  const attempts = new Attempts(clock)
  attempts.end(attempts.begin())
  clock.advance(60_000)
  const { controller } = attempts.begin()
  clock.advance(ATTEMPT_LIMIT_MS + 10_000)
  expect(controller.signal.aborted).toBe(true)
})

test('a stop cuts off what runs, and nothing that has ended', () => {
  const attempts = new Attempts(new FakeClock())
  const [ended, running] = [attempts.begin(), attempts.begin()]
  attempts.end(ended)
  attempts.stop()
  expect([ended, running].map(({ controller }) => controller.signal.aborted)).toEqual([false, true])
})
