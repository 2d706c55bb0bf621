import { expect, it } from 'vitest'
import { FakeClock } from '../base/clock.ts'
import { Deadlines } from './deadlines.ts'

it('calls those that are due, once, and none that ended', () => {
  const clock = new FakeClock()
  const deadlines = new Deadlines(clock)
  const late: string[] = []
  deadlines.start(500, () => late.push('first'))
  deadlines.start(1000, () => late.push('second'))
  deadlines.start(500, () => late.push('never')).end()
  clock.advance(400)
  expect(late).toEqual([])
  clock.advance(200)
  expect(late).toEqual(['first'])
  clock.advance(10_000)
  expect(late).toEqual(['first', 'second'])
})

it('keeps no timer while nobody waits, and starts one again', () => {
  let timers = 0
  class Counting extends FakeClock {
    override every(ms: number, run: () => void) {
      timers++
      const timer = super.every(ms, run)
      return {
        cancel() {
          timers--
          timer.cancel()
        },
      }
    }
  }
  const clock = new Counting()
  const deadlines = new Deadlines(clock)
  deadlines.start(300, () => {}).end()
  expect(timers).toBe(1)
  clock.advance(200)
  expect(timers).toBe(0)
  let late = 0
  deadlines.start(300, () => late++)
  clock.advance(500)
  expect([timers, late]).toEqual([0, 1])
})
