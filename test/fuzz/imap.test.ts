// Seeded fuzzing of IMAP sessions from every state: whatever comes, each tagged command is answered and the server stays whole.
import { describe, expect, it } from 'vitest'
import { memoryContent } from '../../core/message/content.ts'
import { LineClient } from '../kit/imap-dialogue.ts'
import { type ImapServer, sampleMessage, startImapServer } from '../kit/imap-server.ts'

const SEED = Number(process.env.FUZZ_SEED ?? 1)
const ROUNDS = Number(process.env.FUZZ_ROUNDS ?? 40)

/** mulberry32: small, and the same everywhere. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

const WORDS = [
  'FETCH',
  'UID FETCH',
  'STORE',
  'UID STORE',
  'SEARCH',
  'UID SEARCH',
  'COPY',
  'UID MOVE',
  'EXPUNGE',
  'UID EXPUNGE',
  'LIST',
  'LSUB',
  'STATUS',
  'CREATE',
  'DELETE',
  'RENAME',
  'SUBSCRIBE',
  'APPEND',
  'SELECT',
  'EXAMINE',
  'NOOP',
  'CHECK',
  'ENABLE',
  'ID',
  'NAMESPACE',
  'CAPABILITY',
  'LOGIN',
  'AUTHENTICATE',
  '1',
  '1:*',
  '*',
  '2,4',
  '$',
  '99:1',
  '0',
  '4294967296',
  'ALL',
  'FAST',
  'FULL',
  'FLAGS',
  '(FLAGS UID)',
  'BODY[]',
  'BODY.PEEK[1.2]',
  'BODY[HEADER.FIELDS (To)]',
  'BODY[TEXT]<0.5>',
  'BINARY[1]',
  'BINARY.SIZE[1]',
  'ENVELOPE',
  'BODYSTRUCTURE',
  '+FLAGS',
  '-FLAGS.SILENT',
  '(\\Seen)',
  '\\Deleted',
  '(\\Answered foo)',
  'INBOX',
  'inbox',
  'a/b',
  '"a b"',
  '&AOk-',
  '&bad',
  '%',
  '""',
  '()',
  '(',
  ')',
  '"',
  '\\',
  '{3}',
  '{3+}',
  '{0+}',
  '{99999999}',
  '~{2+}',
  'NIL',
  'RETURN',
  '(MIN MAX)',
  '(SAVE)',
  '(STATUS (MESSAGES))',
  '(MESSAGES UNSEEN)',
  'UNSEEN',
  'NOT',
  'OR',
  'SUBJECT',
  'TEXT',
  'message',
  'SINCE',
  '1-Feb-2026',
  'HEADER',
  'LARGER',
  'CHARSET',
  'UTF-8',
  '(CONDSTORE)',
  '(UNCHANGEDSINCE 1)',
  '(CHANGEDSINCE 1)',
  'MODSEQ',
  'IMAP4rev2',
  'PLAIN',
  'AGFuYQBzZWNyZXQ=',
  '\xff\xfe',
  '\x00',
  '\t',
  '',
]

/** Mostly valid commands: `S` a set, `I` fetch items, `F` flags, `M` a mailbox, `K` a search key. */
const TEMPLATES = [
  'FETCH S I',
  'UID FETCH S I',
  'UID FETCH S I (CHANGEDSINCE 2)',
  'STORE S +FLAGS F',
  'UID STORE S FLAGS.SILENT F',
  'STORE S (UNCHANGEDSINCE 3) -FLAGS F',
  'SEARCH K K',
  'UID SEARCH RETURN (MIN COUNT SAVE) K',
  'SEARCH OR K NOT K',
  'COPY S M',
  'UID MOVE S M',
  'EXPUNGE',
  'UID EXPUNGE S',
  'SELECT M',
  'EXAMINE M',
  'CLOSE',
  'UNSELECT',
  'CREATE M',
  'DELETE M',
  'RENAME M M',
  'STATUS M (MESSAGES UNSEEN SIZE)',
  'LIST "" * RETURN (STATUS (MESSAGES))',
  'LIST (SUBSCRIBED RECURSIVEMATCH) "" %',
  'SUBSCRIBE M',
  'LSUB "" *',
  'APPEND M F {5+}\r\nhello',
  'APPEND M {3+}\r\nabc {3+}\r\ndef',
  'ENABLE IMAP4rev2',
  'NOOP',
  'IDLE\r\nDONE',
  'CHECK',
]
const FILLINGS: { readonly [hole: string]: readonly string[] } = {
  S: ['1', '1:*', '*', '2:4', '1,3,5', '$', '5:1', '1000'],
  I: [
    'ALL',
    'FULL',
    '(UID FLAGS MODSEQ)',
    'BODY[]',
    '(BODY.PEEK[TEXT]<2.3> ENVELOPE)',
    'BODY[1.MIME]',
    '(BINARY[1] RFC822.SIZE)',
    'BODY[HEADER.FIELDS.NOT (To)]',
    '(EMAILID SAVEDATE BODYSTRUCTURE)',
  ],
  F: ['(\\Seen)', '(\\Deleted)', '()', '(\\Flagged k1 k2)', '(\\Recent)'],
  M: ['INBOX', 'a', 'a/b', '"&AOk-"', 'Trash', 'NoWhere'],
  K: [
    'ALL',
    'UNSEEN',
    'TEXT message',
    'SUBJECT "3"',
    'S',
    'UID S',
    'LARGER 10',
    'SINCE 1-Jan-2026',
    'MODSEQ 2',
    'YOUNGER 5',
    'HEADER To ""',
    '(SEEN DELETED)',
  ],
}

const START: { readonly [state: string]: readonly string[] } = {
  notAuthenticated: [],
  authenticating: ['s AUTHENTICATE PLAIN'],
  authenticated: ['s LOGIN ana secret'],
  selected: ['s LOGIN ana secret', 's SELECT INBOX'],
  idling: ['s LOGIN ana secret', 's SELECT INBOX', 's IDLE'],
  readingLiteral: ['s LOGIN ana secret', 's APPEND INBOX {100+}'],
}

async function fresh(): Promise<ImapServer> {
  const server = await startImapServer()
  const account = await server.store.account('ana@example.com')
  const inbox = await account.open('INBOX')
  const messages = [1, 2, 3, 4, 5].map((n) => ({
    content: memoryContent(sampleMessage(n)),
    flags: [],
    internalDate: n,
  }))
  await inbox.append(messages)
  inbox.close()
  return server
}

/** The server still works, and reported nothing that it did not expect. */
async function expectWhole(server: ImapServer, what: string): Promise<void> {
  const client = LineClient.to(server.port)
  client.send('x LOGIN ana secret\r\ny SELECT INBOX\r\nz LOGOUT\r\n')
  await client.until('z OK')
  client.end()
  expect(
    server.troubles.filter((trouble) => trouble.startsWith('imap')),
    what,
  ).toEqual([])
}

describe.each(Object.keys(START))('from %s', (state) => {
  it('answers whatever comes', async () => {
    const next = random(SEED * 7919 + state.length)
    const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)]!
    const server = await fresh()
    try {
      for (let round = 0; round < ROUNDS; round++) {
        const sent: string[] = [...START[state]!]
        const count = 1 + Math.floor(next() * 12)
        for (let i = 0; i < count; i++) {
          if (next() < 0.6) {
            const filled = pick(TEMPLATES).replace(/\b[SIFMK]\b/g, (hole) => pick(FILLINGS[hole]!))
            sent.push(`t${i} ${filled.replace(/\bS\b/g, () => pick(FILLINGS.S!))}`)
            continue
          }
          const words = Array.from({ length: 1 + Math.floor(next() * 7) }, () => pick(WORDS))
          sent.push(`t${i} ${words.join(next() < 0.9 ? ' ' : '')}`)
        }
        const client = LineClient.to(server.port)
        client.send(`${sent.join('\r\n')}\r\n`, next() < 0.3 ? 1 + Math.floor(next() * 20) : Number.POSITIVE_INFINITY)
        // what is left open (a literal, a SASL exchange) is filled up, until LOGOUT is heard or the server ends it
        client.send(`${'f\r\n'.repeat(60)}DONE\r\n*\r\nq LOGOUT\r\n`)
        client.finish()
        await client.closed
        client.end()
      }
      await expectWhole(server, `FUZZ_SEED=${SEED}`)
    } finally {
      await server.end()
    }
  })

  it('survives noise', async () => {
    const next = random(SEED * 104729 + state.length)
    const server = await fresh()
    try {
      for (let round = 0; round < ROUNDS; round++) {
        const noise = Buffer.from(
          Array.from({ length: Math.floor(next() * 3000) }, () => (next() < 0.1 ? 10 : next() * 256)),
        )
        const client = LineClient.to(server.port)
        client.send(`${START[state]!.join('\r\n')}\r\n${noise.toString('latin1')}`)
        client.finish()
        await client.closed
        client.end()
      }
      await expectWhole(server, `FUZZ_SEED=${SEED}`)
    } finally {
      await server.end()
    }
  })
})
