// The retry schedule in numbers.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { nextAttempt } from './retry-schedule.ts'

const MINUTE = 60_000
const settings = { firstRetry: 5 * MINUTE, maxRetry: 4 * 60 * MINUTE }

it('doubles up to its bound', () => {
  const waits: number[] = []
  let now = 0
  for (let attempts = 1; attempts <= 9; attempts++) {
    const next = nextAttempt({ now, arrived: 0, attempts, ...settings, random: 0.5 })
    waits.push((next - now) / MINUTE)
    now = next
  }
  expect(waits).toEqual([5, 10, 20, 40, 80, 160, 240, 240, 240])
})

it('does not punish a flush by hand', () => {
  const now = 2 * MINUTE
  expect(nextAttempt({ now, arrived: 0, attempts: 8, ...settings, random: 0.5 })).toBe(now + 5 * MINUTE)
})

it('always lies ahead, and never further than the bound, whatever the clock did', () => {
  const time = fc.integer({ min: -1e13, max: 1e13 })
  fc.assert(
    fc.property(
      time,
      time,
      fc.nat(100_000),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (now, arrived, attempts, random) => {
        const next = nextAttempt({ now, arrived, attempts, ...settings, random })
        expect(next).toBeGreaterThan(now)
        expect(next).toBeLessThanOrEqual(now + settings.maxRetry)
      },
    ),
  )
})
