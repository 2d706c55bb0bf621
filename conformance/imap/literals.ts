// IMAP: literals, synchronizing and not (RFC 3501 §4.3, RFC 7888).
import { check, Skipped, visible } from '../judgement.ts'
import { type Imap, literal, type Response, type Result, single, untagged } from './client.ts'
import { ACCOUNT, casesOf, type ImapCase, MAILBOX, NOTHING } from './suite.ts'

const sync = casesOf('literal', { state: 'authenticated', needs: ACCOUNT })
const plus = casesOf('literal-plus', {
  state: 'authenticated',
  needs: { ...ACCOUNT, capabilities: ['LITERAL+|LITERAL-'] },
})

const isEnd = (go: Response | Result): go is Result => 'status' in go

/** Sends a line that announces a literal: the server must refuse before the octets, or close. */
async function refusedBefore(c: Imap, line: string): Promise<void> {
  const tag = await c.start(line)
  let go: Response | Result
  try {
    go = await c.continuation(tag, line)
  } catch (thrown) {
    if (c.wire.over) return
    throw thrown
  }
  check(isEnd(go) && go.status !== 'OK', `BAD or NO to "${visible(line)}"`, `"${visible(go.raw)}"`)
}

/** Nothing of a literal that belonged to a refused command may have been taken as a command. */
async function literalIsEaten(c: Imap, line: string): Promise<void> {
  const injected = 'inj NOOP\r\n'
  const tag = c.tag()
  c.expectTag(tag)
  await c.write(`${tag} ${line}{${injected.length}+}\r\n${injected}\r\n`)
  await c.result(tag, line)
  await c.ok('NOOP')
}

export const literalCases: readonly ImapCase[] = [
  sync(
    'continuation',
    'RFC 3501 §7.5',
    'The server asks for the octets of a synchronizing literal by a continuation request, "+" and a space.',
    async (c) => {
      const tag = await c.start('STATUS {5}')
      const go = await c.continuation(tag, 'STATUS {5}')
      check(!isEnd(go) && go.raw.startsWith('+ '), '"+ " and a text', `"${visible(go.raw)}"`)
      await c.write('INBOX (MESSAGES)\r\n')
      single(await c.result(tag), 'STATUS')
    },
  ),
  sync(
    'more-behind',
    'RFC 3501 §7.5',
    'The rest of the command follows the octets of a literal at once.',
    async (c) => {
      single(await c.ok(['STATUS ', literal('INBOX'), ' (MESSAGES)']), 'STATUS')
    },
  ),
  sync(
    'two',
    'RFC 3501 §7.5',
    'A command may have several literals, each asked for.',
    async (c) => {
      if (c.announces('LOGINDISABLED')) throw new Skipped('the server takes no LOGIN here')
      const { user, password } = c.account
      await c.ok(['LOGIN ', literal(user), ' ', literal(password)])
    },
    { state: 'greeted' },
  ),
  sync('empty', 'RFC 3501 §4.3', 'A literal of 0 octets is asked for too, and is the empty string.', async (c) => {
    const tag = await c.start('LIST "" {0}')
    const go = await c.continuation(tag, 'LIST "" {0}')
    check(!isEnd(go), 'a continuation request', `"${visible(go.raw)}"`)
    await c.write('\r\n')
    single(await c.result(tag), 'LIST')
  }),
  sync(
    'specials',
    'RFC 3501 §4.3',
    'A quote and a backslash in a literal are themselves.',
    async (c) => {
      await c.append(c.mailbox, 'From: a@conformance.example\r\nSubject: specials\r\n\r\nSay "x\\y" now.\r\n')
      await c.must('NOOP')
      const { values } = single(await c.ok(['SEARCH BODY ', literal('"x\\y"')]), 'SEARCH')
      check(values.length === 1, 'the one message whose body has "x\\y" in quotes', `${values.length} messages`)
    },
    { state: 'selected', needs: { ...MAILBOX, capabilities: ['IMAP4REV1'] } },
  ),
  sync(
    'refused-without-octets',
    'RFC 3501 §7.5',
    'A server that answers BAD or NO instead of asking for a literal takes the next line as a command.',
    async (c) => {
      const tag = await c.start('BLURDYBLOOP {20}')
      const go = await c.continuation(tag, 'BLURDYBLOOP {20}')
      if (!isEnd(go)) {
        await c.write(`${'x'.repeat(20)}\r\n`)
        check((await c.result(tag)).status === 'BAD', 'BAD behind the literal', 'another answer')
      }
      await c.ok('NOOP')
    },
    { state: 'greeted', needs: NOTHING },
  ),
  sync('no-number', 'RFC 3501 §9', 'A literal without a count is answered BAD.', (c) => refusedBefore(c, 'STATUS {}'), {
    level: 'should',
    ending: 'any',
  }),
  sync(
    'negative',
    'RFC 3501 §9',
    'A literal with a negative count is answered BAD.',
    (c) => refusedBefore(c, 'STATUS {-1}'),
    { level: 'should', ending: 'any' },
  ),
  sync(
    'count-out-of-range',
    'RFC 9051 §9',
    'A literal whose count does not fit in 63 bits is not asked for.',
    (c) => refusedBefore(c, 'STATUS {99999999999999999999}'),
    { level: 'should', ending: 'any' },
  ),
  sync(
    'text-behind-brace',
    'RFC 3501 §9',
    'Text between the brace of a literal and CR LF is answered BAD.',
    async (c) => {
      await c.bad('STATUS {5} (MESSAGES)')
    },
    { level: 'should', ending: 'any' },
  ),
]

export const literalPlusCases: readonly ImapCase[] = [
  plus(
    'no-continuation',
    'RFC 7888 §3',
    'A non-synchronizing literal is taken without a continuation request.',
    async (c) => {
      const result = await c.ok(['STATUS ', literal('INBOX', 'plus'), ' (MESSAGES)'])
      check(untagged(result, 'STATUS').length === 1, 'STATUS of INBOX', visible(result.raw))
    },
  ),
  plus('empty', 'RFC 7888 §3', 'A non-synchronizing literal may have 0 octets.', async (c) => {
    single(await c.ok(['LIST "" ', literal('', 'plus')]), 'LIST')
  }),
  plus('mixed', 'RFC 7888 §3', 'Non-synchronizing and synchronizing literals may stand in one command.', async (c) => {
    single(await c.ok(['LIST ', literal('', 'plus'), ' ', literal('INBOX')]), 'LIST')
  }),
  plus(
    'refused-literal-is-eaten',
    'RFC 7888 §3',
    'The octets of a non-synchronizing literal belong to their command also when that is refused: they are never taken as commands.',
    (c) => literalIsEaten(c, 'BLURDYBLOOP '),
  ),
  plus(
    'literal-of-bad-arguments-is-eaten',
    'RFC 7888 §3',
    'The octets of a non-synchronizing literal that stands where none may stand are not taken as commands.',
    (c) => literalIsEaten(c, 'NOOP '),
  ),
  plus(
    'before-login',
    'RFC 7888 §3',
    'A non-synchronizing literal is taken before a login.',
    async (c) => {
      await c.refused(['LOGIN ', literal('conformance-nobody', 'plus'), ' ', literal('no-password', 'plus')])
    },
    { state: 'greeted', needs: { capabilities: ['LITERAL+|LITERAL-'] } },
  ),
  plus(
    'minus-limit',
    'RFC 7888 §5',
    'Under LITERAL-, a non-synchronizing literal of more than 4096 octets is answered BAD with the code TOOBIG when it is an APPEND, or by BYE.',
    async (c) => {
      if (!c.announces('LITERAL-')) throw new Skipped('the server announces LITERAL+')
      const tag = c.tag()
      c.expectTag(tag)
      await c.write(`${tag} APPEND INBOX {4097+}\r\n${'x'.repeat(4097)}\r\n`)
      const response = await c.response('APPEND INBOX {4097+}')
      const refused = response.name === 'BAD' && response.code?.name === 'TOOBIG'
      check(refused || response.name === 'BYE', 'BAD [TOOBIG] or BYE', visible(response.raw))
    },
    { needs: { ...MAILBOX, capabilities: ['LITERAL-'] }, ending: 'any' },
  ),
]
