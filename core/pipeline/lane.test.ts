import { describe, expect, test } from 'vitest'
import { FakeClock } from '../base/clock.ts'
import { replies } from '../message/reply.ts'
import { createLanes, type LaneWork, laneKey, MAX_UNTRIED, MAX_WAITING } from './lane.ts'
import { MAX_RETRIALS, MAX_TRIALS } from './trials.ts'

const hop = (destination: string) => ({ courier: 'smtp', destination })
const key = (destination: string) => laneKey(hop(destination))
const down = replies.hostUnreachable('no answer')
const up = null

function lanesOf(concurrency: number, firstConcurrency: number | null) {
  const clock = new FakeClock()
  const running: LaneWork[] = []
  const lanes = createLanes(
    clock,
    () => ({ concurrency, firstConcurrency }),
    (work) => void running.push(work),
  )
  const add = (destination: string, count: number) => {
    for (let i = 0; i < count; i++)
      lanes.add({ queueId: `${destination}.${i}`, recipients: [0], nextHop: hop(destination), lane: key(destination) })
  }
  return { clock, running, lanes, add }
}

test('a host that has not answered yet gets a few attempts, one that has all that its lane may have', () => {
  const { running, lanes, add } = lanesOf(20, 2)
  add('live', 40)
  expect(running).toHaveLength(2)
  lanes.done(key('live'), up)
  expect(running).toHaveLength(21)
})

test('a host that went away gets a few again when its lane opens', () => {
  const { clock, running, lanes, add } = lanesOf(20, 2)
  add('gone', 30)
  lanes.done(key('gone'), up)
  expect(running).toHaveLength(21)
  expect(lanes.done(key('gone'), down)).toHaveLength(0)
  expect(lanes.done(key('gone'), down)).toHaveLength(9)
  for (let i = 0; i < 18; i++) lanes.done(key('gone'), down)
  running.length = 0
  clock.advance(60_000)
  add('gone', 30)
  expect(running).toHaveLength(2)
})

test('work that came to no attempt does not make a host one that answers', () => {
  const { running, lanes, add } = lanesOf(20, 2)
  add('silent', 40)
  for (let i = 0; i < 5; i++) lanes.leave(key('silent'))
  expect(running).toHaveLength(7)
  expect(lanes.list()).toMatchObject([{ running: 2, waiting: 33, closedForMs: 0 }])
})

test('one mail that a host chokes on closes no lane of one that answers others', () => {
  const { running, lanes, add } = lanesOf(20, 2)
  add('live', 40)
  lanes.done(key('live'), up)
  expect(lanes.done(key('live'), down)).toHaveLength(0)
  expect(lanes.list()).toMatchObject([{ running: 19, closedForMs: 0 }])
  lanes.done(key('live'), up)
  expect(running).toHaveLength(23)
  expect(lanes.list()).toMatchObject([{ running: 20, closedForMs: 0 }])
})

test('what a full lane sends away comes back in order, about twice as fast as the lane empties', () => {
  const { clock, lanes, add } = lanesOf(1, 1)
  add('slow', 1 + MAX_WAITING)
  const more = () => lanes.add({ queueId: 'more', recipients: [0], nextHop: hop('slow'), lane: key('slow') })
  for (let i = 0; i < 200; i++) {
    clock.advance(100)
    lanes.done(key('slow'), up)
    add('slow', 1)
  }
  const [first, second, third] = [more(), more(), more()] as { fullForMs: number }[]
  expect(first!.fullForMs).toBeGreaterThanOrEqual(1000)
  expect(second!.fullForMs - first!.fullForMs).toBeCloseTo(50, 0)
  expect(third!.fullForMs - second!.fullForMs).toBeCloseTo(50, 0)
  for (let i = 0; i < 50_000; i++) more()
  expect(more()).toEqual({ fullForMs: 15 * 60_000 })
})

describe('many hosts that do not answer', () => {
  const destinations = (running: readonly LaneWork[]) => running.map(({ nextHop }) => nextHop.destination)
  /** `count` hosts with a mail each. */
  function addHosts(add: (destination: string, count: number) => void, name: string, count: number): string[] {
    const names = Array.from({ length: count }, (_, i) => `${name}${i}`)
    for (const one of names) add(one, 1)
    return names
  }

  test('leave room for one that has answered before, however long ago its last mail went', () => {
    const { running, lanes, add } = lanesOf(20, 2)
    add('live', 1)
    lanes.done(key('live'), up)
    addHosts(add, 'dead', MAX_TRIALS + 100)
    expect(running).toHaveLength(1 + MAX_TRIALS)
    add('live', 1)
    expect(destinations(running).at(-1)).toBe('live')
  })

  test('leave room for a courier that reaches every next hop', () => {
    const { running, lanes, add } = lanesOf(1, null)
    addHosts(add, 'mailbox', MAX_TRIALS + 100)
    expect(running).toHaveLength(MAX_TRIALS + 100)
    lanes.done(key('mailbox0'), up)
    add('mailbox0', 1)
    expect(running).toHaveLength(MAX_TRIALS + 101)
  })

  test('let the others take turns as they end, one attempt each before the second', () => {
    const { running, lanes, add } = lanesOf(20, 2)
    const dead = addHosts(add, 'dead', MAX_TRIALS)
    add('first', 2)
    add('second', 2)
    for (const name of dead.slice(0, 3)) lanes.done(key(name), down)
    expect(destinations(running).slice(MAX_TRIALS)).toEqual(['first', 'second'])
    for (const name of dead.slice(3)) lanes.done(key(name), down)
    expect(destinations(running).slice(MAX_TRIALS)).toEqual(['first', 'second', 'first', 'second'])
  })

  test('with several mails each take one attempt each, where they are many', () => {
    const { running, add } = lanesOf(20, 2)
    for (let i = 0; i < MAX_TRIALS - MAX_RETRIALS; i++) add(`dead${i}`, 2)
    add('new', 1)
    expect(destinations(running).at(-1)).toBe('new')
  })

  test('those that failed last time leave room for those that nobody knows', () => {
    const { clock, running, lanes, add } = lanesOf(20, 2)
    const dead = addHosts(add, 'dead', MAX_TRIALS)
    for (const name of dead) lanes.done(key(name), down)
    clock.advance(60_000)
    running.length = 0
    for (const name of dead) add(name, 1)
    expect(running).toHaveLength(MAX_RETRIALS)
    add('new', 1)
    expect(destinations(running).at(-1)).toBe('new')
    lanes.done(key('new'), up)
    for (const name of dead.slice(0, MAX_RETRIALS)) lanes.done(key(name), down)
    expect(running).toHaveLength(2 * MAX_RETRIALS + 1)
  })

  test('hold half of the mail that lanes may hold, until they have failed', () => {
    const { running, lanes, add } = lanesOf(20, 2)
    add('live', 1)
    lanes.done(key('live'), up)
    const dead = Array.from({ length: 4 }, (_, i) => `dead${i}`)
    for (const name of dead) add(name, MAX_WAITING)
    const waiting = () => lanes.list().reduce((sum, lane) => sum + lane.waiting, 0)
    expect(waiting()).toBe(MAX_UNTRIED)
    add('live', 1)
    expect(destinations(running).at(-1)).toBe('live')
    lanes.done(key('live'), up)
    add('live', 100)
    expect(waiting()).toBe(MAX_UNTRIED + 98)
    for (const name of dead) lanes.done(key(name), down)
    expect(waiting()).toBe(98)
    add('new', 10)
    expect(waiting()).toBe(98 + 8)
  })

  test('one that answers frees what it held at once', () => {
    const { running, lanes, add } = lanesOf(20, 2)
    add('live', 2)
    addHosts(add, 'dead', MAX_TRIALS)
    expect(running).toHaveLength(MAX_TRIALS)
    lanes.done(key('live'), up)
    expect(running).toHaveLength(MAX_TRIALS + 2)
  })

  test('one whose mail is gone while it waits for its turn is forgotten, and its successor is not', () => {
    const { running, lanes, add } = lanesOf(20, 2)
    const dead = addHosts(add, 'dead', MAX_TRIALS - 1)
    add('live', 2)
    lanes.done(key('live'), up)
    lanes.done(key('live'), up)
    expect(lanes.list().some(({ key }) => key === 'smtp:live')).toBe(false)
    add('live', 1)
    lanes.done(key(dead[0]!), down)
    expect(lanes.list().find(({ key }) => key === 'smtp:live')).toMatchObject({ running: 1 })
    expect(running).toHaveLength(MAX_TRIALS + 2)
  })
})
