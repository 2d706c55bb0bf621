// Long work lets others have their turn: judged by who comes when, on a clock that the work itself moves on.
import { setImmediate } from 'node:timers/promises'
import { beforeEach, expect, it } from 'vitest'
import { FakeClock } from '../base/clock.ts'
import { atOnce, type Steps, Turns } from './turns.ts'

let clock: FakeClock
let turns: Turns
let done: string[]

beforeEach(() => {
  clock = new FakeClock()
  turns = new Turns(clock)
  done = []
})

/** Each step takes a millisecond. */
function* work(name: string, steps: number): Steps<string> {
  for (let step = 1; step <= steps; step++) {
    clock.advance(1)
    done.push(`${name}${step}`)
    yield
  }
  return name
}

it('gives the result of what is done in one turn at once', () => {
  expect(turns.run(work('a', 1))).toBe('a')
  expect(done).toEqual(['a1'])
})

it('lets the event loop go on between two turns', async () => {
  const running = turns.run(work('a', 6))
  expect(done).toEqual(['a1', 'a2'])
  for (let turn = 1; turn <= 2; turn++) {
    await setImmediate()
    done.push('another')
  }
  expect(await running).toBe('a')
  expect(done).toEqual(['a1', 'a2', 'another', 'a3', 'a4', 'another', 'a5', 'a6'])
})

it('takes turns among several, one in a turn of the event loop', async () => {
  const running = Promise.all([turns.run(work('a', 6)), turns.run(work('b', 4))])
  expect(done.splice(0)).toEqual(['a1', 'a2', 'b1', 'b2'])
  expect(await running).toEqual(['a', 'b'])
  expect(done).toEqual(['a3', 'a4', 'b3', 'b4', 'a5', 'a6'])
})

it('tells of an error, whichever turn it came in', async () => {
  function* failing(steps: number): Steps<void> {
    yield* work('a', steps)
    throw new Error('no more')
  }
  expect(() => turns.run(failing(1))).toThrow('no more')
  await expect(turns.run(failing(5))).rejects.toThrow('no more')
})

it('once stopped, what is not done fails and goes no further', async () => {
  const running = turns.run(work('a', 6))
  turns.stop()
  await expect(running).rejects.toThrow('closed')
  expect(done).toEqual(['a1', 'a2'])
})

it('or all is done at once', () => {
  expect(atOnce(work('a', 5))).toBe('a')
  expect(done).toHaveLength(5)
})
