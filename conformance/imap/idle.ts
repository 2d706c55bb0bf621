// IMAP: IDLE (RFC 2177).
import { check, visible } from '../judgement.ts'
import type { Imap, Response, Result } from './client.ts'
import { CORPUS } from './corpus.ts'
import { ACCOUNT, alongside, casesOf, type ImapCase, withCapabilities } from './suite.ts'

const idle = casesOf('idle', { state: 'selected', needs: withCapabilities('IDLE') })

const MESSAGE = 'From: a@conformance.example\r\nSubject: appended\r\n\r\nAn appended message.\r\n'

/** Begins IDLE up to its continuation request; gives the tag. */
async function idling(c: Imap): Promise<string> {
  const tag = await c.start('IDLE')
  const go = await c.continuation(tag, 'IDLE')
  check(!('status' in go), 'a continuation request to IDLE', `"${visible(go.raw)}"`)
  return tag
}

async function done(c: Imap, tag: string, word = 'DONE'): Promise<Result> {
  await c.write(`${word}\r\n`)
  const result = await c.result(tag, word)
  check(result.status === 'OK', `OK to ${word}`, `"${visible(result.raw)}"`)
  return result
}

export const idleCases: readonly ImapCase[] = [
  idle(
    'continuation',
    'RFC 2177 §3',
    'IDLE is answered by a continuation request, and by OK when the client sends DONE.',
    async (c) => {
      await done(c, await idling(c))
    },
  ),
  idle('done-case', 'RFC 2177 §4', 'DONE may be written in any case.', async (c) => {
    await done(c, await idling(c), 'done')
  }),
  idle('commands-after', 'RFC 2177 §3', 'Commands are taken again after DONE.', async (c) => {
    await done(c, await idling(c))
    await c.ok('FETCH 1 UID')
  }),
  idle('twice', 'RFC 2177 §3', 'IDLE can be sent again after it has ended.', async (c) => {
    await done(c, await idling(c))
    await done(c, await idling(c))
  }),
  idle(
    'new-message',
    'RFC 2177 §3',
    'A message that another session appends is told by EXISTS while IDLE lasts.',
    async (c) => {
      const other = await alongside(c)
      const tag = await idling(c)
      await other.append(c.mailbox, MESSAGE)
      const { number } = await c.awaitUntagged('EXISTS')
      await done(c, tag)
      check(number === CORPUS.length + 1, `${CORPUS.length + 1} EXISTS`, `${number} EXISTS`)
    },
    { level: 'should' },
  ),
  idle(
    'removal',
    'RFC 2177 §3',
    'The removal of a message by another session is told by EXPUNGE while IDLE lasts.',
    async (c) => {
      const other = await alongside(c)
      const tag = await idling(c)
      await other.must('STORE 2 +FLAGS.SILENT (\\Deleted)')
      await other.must('EXPUNGE')
      const { number } = await c.awaitUntagged('EXPUNGE')
      await done(c, tag)
      check(number === 2, '2 EXPUNGE', `${number} EXPUNGE`)
    },
    { level: 'should' },
  ),
  idle(
    'flags',
    'RFC 2177 §3',
    'A change of flags by another session is told by FETCH while IDLE lasts.',
    async (c) => {
      const other = await alongside(c)
      const tag = await idling(c)
      await other.must('STORE 4 +FLAGS.SILENT (\\Flagged)')
      const { number } = await c.awaitUntagged('FETCH')
      await done(c, tag)
      check(number === 4, '4 FETCH', `${number} FETCH`)
    },
    { level: 'should' },
  ),
  idle(
    'fetch-has-uid',
    'RFC 9051 §6.3.13',
    'An unsolicited FETCH while IDLE lasts has UID.',
    async (c) => {
      const other = await alongside(c)
      const tag = await idling(c)
      await other.must('STORE 4 +FLAGS.SILENT (\\Flagged)')
      const { values, raw } = await c.awaitUntagged('FETCH')
      await done(c, tag)
      const names = values[0]?.kind === 'list' ? values[0].items.map(({ text }) => text.toUpperCase()) : []
      check(names.includes('UID'), 'UID in FETCH', visible(raw))
    },
    { needs: withCapabilities('IDLE', 'IMAP4REV2') },
  ),
  idle(
    'before-idle',
    'RFC 2177 §3',
    'A message that came before IDLE is told at the latest while it lasts.',
    async (c) => {
      const other = await alongside(c)
      await other.append(c.mailbox, MESSAGE)
      const tag = await c.start('IDLE')
      const isNew = ({ name, number }: Response): boolean => name === 'EXISTS' && number === CORPUS.length + 1
      const first = await c.response('IDLE')
      let told = isNew(first)
      for (let response = first; response.kind !== 'continuation'; told ||= isNew(response))
        response = await c.response('IDLE')
      if (!told) await c.awaitUntagged('EXISTS', isNew)
      await done(c, tag)
    },
    { level: 'should' },
  ),
  idle(
    'not-selected',
    'RFC 2177 §3',
    'IDLE is taken in the authenticated state.',
    async (c) => {
      await done(c, await idling(c))
    },
    { state: 'authenticated', needs: { ...ACCOUNT, capabilities: ['IDLE'] } },
  ),
  idle(
    'not-done',
    'RFC 2177 §4',
    'A line other than DONE ends IDLE by BAD.',
    async (c) => {
      const tag = await idling(c)
      await c.write('FINISHED\r\n')
      const { status, raw } = await c.result(tag, 'FINISHED')
      check(status === 'BAD', 'BAD', `"${visible(raw)}"`)
    },
    { level: 'should', ending: 'any' },
  ),
  idle(
    'argument',
    'RFC 2177 §4',
    'IDLE with an argument is answered BAD.',
    async (c) => {
      await c.bad('IDLE now')
    },
    { level: 'should', state: 'authenticated', needs: { ...ACCOUNT, capabilities: ['IDLE'] } },
  ),
  idle(
    'not-authenticated',
    'RFC 2177 §4',
    'IDLE is refused in the not authenticated state.',
    async (c) => {
      await c.refused('IDLE')
    },
    { state: 'greeted', needs: { capabilities: ['IDLE'] } },
  ),
]
