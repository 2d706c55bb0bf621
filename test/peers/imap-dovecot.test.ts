// The same messages in Dovecot and here: ENVELOPE, BODYSTRUCTURE, sections and sizes must be the same, but for what is listed.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LineClient } from '../kit/imap-dialogue.ts'
import { type ImapServer, startImapServer } from '../kit/imap-server.ts'
import { type Dovecot, startDovecot } from '../kit/peers/dovecot.ts'

const VECTORS = fileURLToPath(new URL('../../../shared/vectors/mime/', import.meta.url))

const OWN: { readonly [name: string]: string } = {
  addresses: `From: "Doe, Jane" <jane@example.org>, John (the other) Doe <john@example.org>
Sender: jane@example.org (Jane)
To: A Group: a@b.test, "C \\"D\\" E" <c@d.test>;, undisclosed-recipients:;
Cc: <@relay.test:user@host.test>, "odd local"@example.org, user@[192.0.2.1]
Reply-To: =?utf-8?q?gr=C3=BC=C3=9Fe?= <x@y.test>
Subject: =?utf-8?b?Z3LDvMOfZQ==?=
\tfolded "quoted" \\ back
In-Reply-To: <one@two>
Message-ID: <three@four>
Date: Mon, 2 Feb 2026 10:00:00 +0000

text
`,
  parameters: `Content-Type: text/plain; charset="utf-8"; format=flowed; name*0="a b"; name*1=" c.txt"
Content-Disposition: attachment; size=12; filename*0*=utf-8''%C3%BC; filename*1*=%C3%9F.txt
Content-ID: <id@x>
Content-Description: what it is
Content-Language: en, de
Content-Location: http://example.org/a
Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==
Content-Transfer-Encoding: Quoted-Printable

a=3Db
`,
  nested: readFileSync(new URL('../e2e/imap/nested.eml', import.meta.url), 'utf8'),
  'no header': '\njust a body\n',
  'no body': 'Subject: only\n',
  report: `Content-Type: multipart/report; report-type=delivery-status; boundary="=_b"

--=_b

Could not deliver.

--=_b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org

Final-Recipient: rfc822; a@b.test
Action: failed

--=_b
Content-Type: text/rfc822-headers

Subject: x

--=_b--
`,
}

/** Where Dovecot 2.3 answers otherwise, and why ours stays. */
const OTHERWISE: { readonly [name: string]: string } = {
  'malformed/004': 'Dovecot takes a line that begins with a boundary for one',
  'malformed/007': 'the same',
  'malformed/016': 'the same',
  'malformed/017':
    'Dovecot gives an empty type for a Content-Type that cannot be read; ours is text/plain (RFC 2045 §5.2)',
  'malformed/001': 'Dovecot cuts the empty line from the header of a multipart without parts',
  'malformed/022': 'Dovecot counts the line end before a boundary to a message that is all header',
  'rfc/008': 'the same',
  'malformed/019': 'of two Date fields Dovecot shows the last, ours the first',
  'malformed/020': 'Dovecot counts the line end before a boundary to the epilogue of an inner multipart',
  'malformed/021': 'the same',
  nested: 'the same',
}

const messages: { readonly name: string; readonly octets: string }[] = Object.entries(OWN).map(([name, text]) => ({
  name,
  octets: text.replaceAll('\n', '\r\n'),
}))
if (!existsSync(VECTORS)) console.log('MIME vectors are not here: only our own messages are compared')
else {
  for (const kind of ['rfc', 'malformed']) {
    for (const file of readdirSync(VECTORS + kind).filter((name) => name.endsWith('.eml'))) {
      const octets = readFileSync(`${VECTORS}${kind}/${file}`, 'latin1').replace(/\r?\n/g, '\r\n')
      messages.push({ name: `${kind}/${file.slice(0, -4)}`, octets })
    }
  }
}

const ITEMS = [
  'RFC822.SIZE',
  'ENVELOPE',
  'BODYSTRUCTURE',
  'BODY.PEEK[1]',
  'BODY.PEEK[1.MIME]',
  'BODY.PEEK[2.HEADER]',
  'BODY.PEEK[1.2]',
  'BODY.PEEK[TEXT]<3.40>',
]

let dovecot: Dovecot
let ours: ImapServer
let clients: LineClient[]

async function load(port: number): Promise<LineClient> {
  const client = LineClient.to(port)
  client.send('l LOGIN ana secret\r\n')
  await client.until('l OK')
  for (const { octets } of messages) {
    client.send(`a APPEND INBOX {${octets.length}+}\r\n${octets}\r\n`)
    await client.until('a OK')
  }
  client.send('s SELECT INBOX\r\n')
  await client.until('s OK')
  return client
}

/** Letter case of types, how strings are written, and stand-ins for missing halves of addresses do not matter. */
const comparable = (answer: string, item: string): string =>
  (item.startsWith('BODY.') ? answer : withoutLiterals(answer))
    .replaceAll('"MISSING_DOMAIN"', '""')
    .replaceAll('"MISSING_MAILBOX"', '""')
    .replace(/ NIL\)$/, ' "")')
    .replace(/ \{0\}\r\n\)$/, ' "")')
    .toLowerCase()

function withoutLiterals(answer: string): string {
  const m = /\{(\d+)\}\r\n/.exec(answer)
  if (!m) return answer
  const end = m.index + m[0].length + Number(m[1])
  const text = answer.slice(m.index + m[0].length, end).replace(/["\\]/g, '\\$&')
  return `${answer.slice(0, m.index)}"${text}"${withoutLiterals(answer.slice(end))}`
}

beforeAll(async () => {
  dovecot = await startDovecot({ users: [{ name: 'ana', password: 'secret' }] })
  ours = await startImapServer({ maildir: true })
  clients = [await load(dovecot.imap), await load(ours.port)]
})

afterAll(async () => {
  for (const client of clients ?? []) client.end()
  await ours.end()
  await dovecot.stop()
})

describe.each(messages.map(({ name }, i) => [name, i + 1] as const))('%s', (name, number) => {
  it('is the same message', async () => {
    const different: string[] = []
    for (const item of ITEMS) {
      const [theirs, own] = await Promise.all(
        clients.map(async (client) => {
          client.send(`f FETCH ${number} (${item})\r\n`)
          return comparable((await client.until('f OK')).slice(0, -1).join('\r\n'), item)
        }),
      )
      if (name in OTHERWISE) {
        if (theirs !== own) different.push(item)
      } else expect(own, item).toBe(theirs)
    }
    if (name in OTHERWISE) expect(different, 'no longer otherwise').not.toEqual([])
  })
})
