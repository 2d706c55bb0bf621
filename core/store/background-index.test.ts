// The index takes its time while mail comes in, and none when all is quiet.
import { setImmediate } from 'node:timers/promises'
import { beforeEach, expect, it } from 'vitest'
import { FakeClock } from '../base/clock.ts'
import { silentLogger } from '../base/log.ts'
import { BackgroundIndex, type IndexDeps } from './background-index.ts'

const WORK_MS = 10
let clock: FakeClock
let index: BackgroundIndex
let indexed: string[]
/** UIDs whose places were asked for, a batch each. */
let asked: number[][]
/** Mail that comes in while the index is at work. */
let meanwhile: () => void

/** By their ids. */
const MAILBOXES = ['a', 'b', 'c', 'last']
const add = (mailbox: string, uids = [1]) => index.add(MAILBOXES.indexOf(mailbox), uids)

async function advance(ms: number): Promise<void> {
  clock.advance(ms)
  await setImmediate()
}

const places: IndexDeps['engine']['places'] = async (id, uids) => {
  asked.push([...uids])
  const mailbox = MAILBOXES[id]!
  const messages = uids.map((uid) => ({ uid, place: { path: `${uid}`, start: 0, end: null, quoted: false } }))
  return { account: 'ana', mailbox, key: { file: 'index.db', mailboxId: mailbox, uidValidity: 1 }, messages }
}

beforeEach(() => {
  clock = new FakeClock()
  indexed = []
  asked = []
  meanwhile = () => {}
  const content: IndexDeps['content'] = {
    async index({ mailboxId }) {
      indexed.push(mailboxId)
      await null
      clock.advance(WORK_MS)
      meanwhile()
    },
  }
  index = new BackgroundIndex({ clock, log: silentLogger, engine: { places }, content })
})

it('puts all into the index once nothing has come for a while', async () => {
  for (const mailbox of ['a', 'b', 'c']) add(mailbox)
  await advance(249)
  expect(indexed).toEqual([])
  await advance(1)
  expect(indexed).toEqual(['a', 'b', 'c'])
})

it('takes many a batch at a time, each once, with those that come meanwhile', async () => {
  const uids = Array.from({ length: 150 }, (_, n) => n + 1)
  add('a', uids)
  meanwhile = () => {
    add('a', [151])
    meanwhile = () => {}
  }
  await advance(250)
  await index.flush()
  expect(asked.map(({ length }) => length)).toEqual([64, 64, 23])
  expect(asked.flat()).toEqual([...uids, 151])
})

it('rests twenty times as long as it worked while mail comes in', async () => {
  for (const mailbox of ['a', 'b', 'c']) add(mailbox)
  meanwhile = () => add('c')
  await advance(250)
  expect(indexed).toEqual(['a'])
  await advance(20 * WORK_MS - 1)
  expect(indexed).toEqual(['a'])
  await advance(1)
  expect(indexed).toEqual(['a', 'b'])
})

it('does not rest when somebody waits for it', async () => {
  for (const mailbox of ['a', 'b']) add(mailbox)
  meanwhile = () => add('last')
  await advance(250)
  meanwhile = () => {}
  await index.flush()
  expect(indexed).toEqual(['a', 'b', 'last'])
})

it('ends at once, even while it rests', async () => {
  for (const mailbox of ['a', 'b']) add(mailbox)
  meanwhile = () => add('b')
  await advance(250)
  await index.close()
  expect(indexed).toEqual(['a'])
})
