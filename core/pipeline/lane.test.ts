import { expect, test } from 'vitest'
import { FakeClock } from '../base/clock.ts'
import { replies } from '../message/reply.ts'
import { createLanes, type LaneWork, MAX_WAITING } from './lane.ts'

const hop = (destination: string) => ({ courier: 'smtp', destination })
const down = { hostDown: replies.hostUnreachable('no answer') }
const up = { hostDown: null }

function lanesOf(concurrency: number, firstConcurrency: number) {
  const clock = new FakeClock()
  const running: LaneWork[] = []
  const lanes = createLanes(
    clock,
    () => ({ concurrency, firstConcurrency }),
    (work) => void running.push(work),
  )
  const add = (destination: string, count: number) => {
    for (let i = 0; i < count; i++)
      lanes.add({ queueId: `${destination}.${i}`, recipients: [0], nextHop: hop(destination) })
  }
  return { clock, running, lanes, add }
}

test('a host that has not answered yet gets a few attempts, one that has all that its lane may have', () => {
  const { running, lanes, add } = lanesOf(20, 2)
  add('live', 40)
  expect(running).toHaveLength(2)
  lanes.done(hop('live'), up)
  expect(running).toHaveLength(21)
})

test('a host that went away gets a few again when its lane opens', () => {
  const { clock, running, lanes, add } = lanesOf(20, 2)
  add('gone', 30)
  lanes.done(hop('gone'), up)
  expect(running).toHaveLength(21)
  expect(lanes.done(hop('gone'), down)).toHaveLength(9)
  for (let i = 0; i < 19; i++) lanes.done(hop('gone'), down)
  running.length = 0
  clock.advance(60_000)
  add('gone', 30)
  expect(running).toHaveLength(2)
})

test('what a full lane sends away comes back in order, about twice as fast as the lane empties', () => {
  const { clock, lanes, add } = lanesOf(1, 1)
  add('slow', 1 + MAX_WAITING)
  const more = () => lanes.add({ queueId: 'more', recipients: [0], nextHop: hop('slow') })
  for (let i = 0; i < 200; i++) {
    clock.advance(100)
    lanes.done(hop('slow'), up)
    add('slow', 1)
  }
  const [first, second, third] = [more(), more(), more()] as { fullForMs: number }[]
  expect(first!.fullForMs).toBeGreaterThanOrEqual(1000)
  expect(second!.fullForMs - first!.fullForMs).toBeCloseTo(50, 0)
  expect(third!.fullForMs - second!.fullForMs).toBeCloseTo(50, 0)
  for (let i = 0; i < 50_000; i++) more()
  expect(more()).toEqual({ fullForMs: 15 * 60_000 })
})
