// Dialogues with the SMTP service, as data: what is said, and what the intake must have got.
import type { SmtpServiceOptions } from '../../kit/smtp-service.ts'

export interface Dialogue {
  readonly name: string
  /** smtp unless said otherwise. */
  readonly service?: string
  readonly listener?: { readonly [option: string]: unknown }
  readonly options?: SmtpServiceOptions
  readonly implicitTls?: boolean
  readonly transcript: string
  /** The messages accepted, each as octets (latin1); none when left out. */
  readonly mail?: readonly string[]
}

const HELLO = `
  S: 220 mail.example.com ESMTP Estafeta
  C: EHLO client.test
  S..250`
const LHLO = `
  S: 220 mail.example.com LMTP Estafeta
  C: LHLO client.test
  S..250`
const PLAIN_ANA = Buffer.from('\0ana@example.com\0ana@example.com').toString('base64')
const LOGIN_ANA = `
  C: AUTH PLAIN ${PLAIN_ANA}
  S: 235 2.7.0 *`
const b64 = (text: string): string => Buffer.from(text).toString('base64')
const big = (octets: number): string =>
  'x'
    .repeat(70)
    .concat('\\r\\n')
    .repeat(Math.ceil(octets / 72))

const basics: Dialogue[] = [
  {
    name: 'one message, command by command',
    transcript: `${HELLO}
      C: MAIL FROM:<paco@sender.test>
      S: 250 2.1.0 Sender OK
      C: RCPT TO:<ana@example.com>
      S: 250 2.1.5 Recipient OK
      C: DATA
      S: 354 End data with <CR><LF>.<CR><LF>
      C: Subject: hello
      C:
      C: body
      C: .
      S: 250 2.0.0 OK queued as *
      C: QUIT
      S: 221 2.0.0 mail.example.com closing connection
      S<EOF>`,
    mail: ['Subject: hello\r\n\r\nbody\r\n'],
  },
  {
    name: 'two messages in one session, pipelined (RFC 2920)',
    transcript: `${HELLO}
      C: MAIL FROM:<paco@sender.test>
      C: RCPT TO:<ana@example.com>
      C: RCPT TO:<nobody@example.com>
      C: RCPT TO:<bob@example.com>
      C: DATA
      S: 250 2.1.0 *
      S: 250 2.1.5 *
      S: 550 5.1.1 *
      S: 250 2.1.5 *
      S: 354 *
      C: one
      C: .
      C: MAIL FROM:<>
      C: RCPT TO:<ana@example.com>
      C: DATA
      S: 250 2.0.0 *
      S: 250 2.1.0 *
      S: 250 2.1.5 *
      S: 354 *
      C: two
      C: .
      C: QUIT
      S: 250 2.0.0 *
      S: 221 *
      S<EOF>`,
    mail: ['one\r\n', 'two\r\n'],
  },
  {
    name: 'HELO, no extensions',
    transcript: `
      S: 220 *
      C: HELO client.test
      S: 250 mail.example.com
      C: MAIL FROM:<paco@sender.test>
      S: 250 *
      C: RCPT TO:<ana@example.com>
      S: 250 *
      C: DATA
      S: 354 *
      C: .
      S: 250 *
      C: AUTH PLAIN
      S: 503 5.5.1 *
      C: QUIT
      S: 221 *`,
    mail: [''],
  },
  {
    name: 'EHLO lists what works, in the clear on loopback',
    transcript: `
      S: 220 *
      C: ehlo [127.0.0.1]
      S: 250-mail.example.com
      S: 250-PIPELINING
      S: 250-SIZE 52428800
      S: 250-8BITMIME
      S: 250-SMTPUTF8
      S: 250-CHUNKING
      S: 250-DSN
      S: 250-ENHANCEDSTATUSCODES
      S: 250-LIMITS RCPTMAX=1000
      S: 250-HELP
      S: 250-STARTTLS
      S: 250 AUTH PLAIN LOGIN`,
  },
  {
    name: 'EHLO without TLS and without AUTH',
    options: { tls: false },
    listener: { auth: false },
    transcript: `
      S: 220 *
      C: EHLO client.test
      S: 250-mail.example.com
      S: 250-PIPELINING
      S: 250-SIZE *
      S: 250-8BITMIME
      S: 250-SMTPUTF8
      S: 250-CHUNKING
      S: 250-DSN
      S: 250-ENHANCEDSTATUSCODES
      S: 250-LIMITS RCPTMAX=1000
      S: 250 HELP
      C: STARTTLS
      S: 454 4.7.0 *
      C: AUTH PLAIN
      S: 502 5.5.1 *`,
  },
  {
    name: 'bad greetings',
    transcript: `
      S: 220 *
      C: EHLO
      S: 501 5.5.4 *
      C: EHLO two words
      S: 501 5.5.4 *
      C: EHLO <script>
      S: 501 5.5.4 *
      C: LHLO client.test
      S: 500 5.5.2 *
      C: MAIL FROM:<a@b.test>
      S: 503 5.5.1 Send EHLO first
      C: EHLO under_score.test
      S..250`,
  },
  {
    name: 'commands out of order (RFC 5321 §4.1.4)',
    transcript: `
      S: 220 *
      C: RCPT TO:<ana@example.com>
      S: 503 5.5.1 *
      C: DATA
      S: 503 5.5.1 *
      C: STARTTLS
      S: 503 5.5.1 *
      C: AUTH PLAIN
      S: 503 5.5.1 *
      C: RSET
      S: 250 2.0.0 *
      C: EHLO client.test
      S..250
      C: RCPT TO:<ana@example.com>
      S: 503 5.5.1 Need MAIL before this command
      C: DATA
      S: 503 5.5.1 *
      C: MAIL FROM:<a@b.test>
      S: 250 *
      C: MAIL FROM:<a@b.test>
      S: 503 5.5.1 Nested MAIL command
      C: STARTTLS
      S: 503 5.5.1 *
      C: AUTH PLAIN
      S: 503 5.5.1 *
      C: DATA
      S: 554 5.5.1 No valid recipients
      C: RCPT TO:<nobody@example.com>
      S: 550 5.1.1 *
      C: DATA
      S: 554 5.5.1 *
      C: RSET
      S: 250 *
      C: RCPT TO:<ana@example.com>
      S: 503 5.5.1 *`,
  },
  {
    name: 'EHLO within a transaction resets it (RFC 5321 §4.1.4)',
    transcript: `${HELLO}
      C: MAIL FROM:<a@b.test>
      C: RCPT TO:<ana@example.com>
      C: EHLO other.test
      S: 250 2.1.0 *
      S: 250 2.1.5 *
      S..250
      C: DATA
      S: 503 5.5.1 *`,
  },
  {
    name: 'courtesies',
    transcript: `
      S: 220 *
      C: NOOP
      S: 250 2.0.0 OK
      C: NOOP with text
      S: 250 2.0.0 OK
      C: HELP
      S: 214-2.0.0 EHLO *
      S: 214-2.0.0 HELO *
      S: 214-2.0.0 STARTTLS
      S: 214-2.0.0 AUTH *
      S: 214-2.0.0 MAIL *
      S: 214-2.0.0 RCPT *
      S: 214-2.0.0 DATA
      S: 214-2.0.0 BDAT *
      S: 214-2.0.0 RSET
      S: 214-2.0.0 NOOP *
      S: 214-2.0.0 VRFY *
      S: 214-2.0.0 HELP *
      S: 214 2.0.0 QUIT
      C: HELP etrn
      S: 214-2.0.0 EHLO *
      S..214
      C: HELP mail
      S: 214 2.0.0 MAIL FROM:<address> [parameters] (RFC 5321 section 4.1.1.2)
      C: VRFY ana
      S: 252 2.0.0 *
      C: VRFY
      S: 501 5.5.4 *
      C: EXPN list
      S: 502 5.5.1 *
      C: ETRN example.com
      S: 502 5.5.1 *
      C: RSET now
      S: 501 5.5.4 *
      C: QUIT now
      S: 501 5.5.4 *
      C: quit
      S: 221 *
      S<EOF>`,
  },
  {
    name: 'bad lines',
    transcript: `
      S: 220 *
      C: FOO
      S: 500 5.5.2 Unknown command
      C:
      S: 500 5.5.2 *
      C: NOOP\\0
      S: 500 5.5.2 Control character in command
      C: NOOP\\xff\\xfe
      S: 500 5.5.2 Neither ASCII nor UTF-8
      C| NOOP\\nNOOP\\nNOOP\\r\\n
      S: 500 5.5.2 Line must end with CR LF
      C| NO\\rOP\\r\\n
      S: 500 5.5.2 Control character in command
      C: NOOP ${'x'.repeat(2050)}
      S: 500 5.5.2 Line too long
      C: NOOP ${'x'.repeat(13000)}
      S: 500 5.5.2 Line too long
      C: NOOP ünï
      S: 250 *`,
  },
  {
    name: 'a web browser is cut off',
    transcript: `
      S: 220 *
      C: POST / HTTP/1.1
      C: Host: mail.example.com
      C: Content-Length: 10
      S: 421 4.7.0 *
      S<EOF>`,
  },
  {
    name: 'twenty errors end the session',
    transcript: `
      S: 220 *
      ${'C: FOO\n'.repeat(25)}
      ${'S: 500 *\n'.repeat(20)}
      S: 421 4.7.0 Too many errors, closing connection
      S<EOF>`,
  },
  {
    name: 'an accepted message forgives the errors before it',
    transcript: `${HELLO}
      ${'C: FOO\n'.repeat(15)}
      ${'S: 500 *\n'.repeat(15)}
      C: MAIL FROM:<a@b.test>
      C: RCPT TO:<ana@example.com>
      C: DATA
      S: 250 *
      S: 250 *
      S: 354 *
      C: .
      S: 250 *
      ${'C: FOO\n'.repeat(15)}
      ${'S: 500 *\n'.repeat(15)}
      C: NOOP
      S: 250 *`,
    mail: [''],
  },
  {
    name: 'a hundred and twenty NOOPs without a message end the session',
    transcript: `
      S: 220 *
      ${'C: NOOP\n'.repeat(130)}
      ${'S: 250 *\n'.repeat(120)}
      S: 421 4.7.0 *
      S<EOF>`,
  },
]

const mailAndRcpt: Dialogue[] = [
  {
    name: 'MAIL: what is wrong with it',
    transcript: `${HELLO}
      C: MAIL
      S: 501 5.5.4 *
      C: MAIL TO:<a@b.test>
      S: 501 5.5.4 *
      C: MAIL FROM:a@b.test
      S: 501 5.1.7 *
      C: MAIL FROM:<a@b.test
      S: 501 5.1.7 *
      C: MAIL FROM:<a>
      S: 501 5.1.7 *
      C: MAIL FROM:<a@>
      S: 501 5.1.7 *
      C: MAIL FROM:<a@-b.test>
      S: 501 5.1.7 *
      C: MAIL FROM:<a..b@b.test>
      S: 501 5.1.7 *
      C: MAIL FROM:<${'l'.repeat(65)}@b.test>
      S: 501 5.1.7 *
      C: MAIL FROM:<a@b.test>SIZE=1
      S: 501 5.1.7 *
      C: MAIL FROM:<a@b.test> SIZE=x
      S: 501 5.5.4 *
      C: MAIL FROM:<a@b.test> SIZE=1 size=2
      S: 501 5.5.4 *
      C: MAIL FROM:<a@b.test> BODY=BINARYMIME
      S: 501 5.5.4 *
      C: MAIL FROM:<a@b.test> FUTURE=1
      S: 555 5.5.4 Parameter FUTURE not recognized
      C: MAIL FROM:<a@b.test> =
      S: 501 5.5.4 *
      C: MAIL FROM:<ü@b.test>
      S: 553 5.6.7 *
      C: MAIL FROM:<a@b.test> SIZE=99999999999
      S: 552 5.3.4 *`,
  },
  {
    name: 'MAIL: what is right with it',
    transcript: `${HELLO}
      C: MAIL FROM:<>
      S: 250 *
      C: RSET
      S: 250 *
      C: mail from: <a@b.test>  size=100  body=8bitmime
      S: 250 *
      C: RSET
      S: 250 *
      C: MAIL FROM:<@relay.test,@other.test:a@b.test>
      S: 250 *
      C: RSET
      S: 250 *
      C: MAIL FROM:<"quoted \\\\"> string"@b.test>
      S: 250 *
      C: RSET
      S: 250 *
      C: MAIL FROM:<a@[192.0.2.1]>
      S: 250 *
      C: RSET
      S: 250 *
      C: MAIL FROM:<a@[IPv6:2001:db8::1]> RET=HDRS ENVID=a+2Bb AUTH=<>
      S: 250 *
      C: RSET
      S: 250 *
      C: MAIL FROM:<ü@bücher.test> SMTPUTF8
      S: 250 *`,
  },
  {
    name: 'RCPT: what is wrong with it',
    transcript: `${HELLO}
      C: MAIL FROM:<a@b.test>
      S: 250 *
      C: RCPT
      S: 501 5.5.4 *
      C: RCPT FROM:<ana@example.com>
      S: 501 5.5.4 *
      C: RCPT TO:<>
      S: 501 5.1.3 *
      C: RCPT TO:<ana>
      S: 501 5.1.3 *
      C: RCPT TO:ana@example.com
      S: 501 5.1.3 *
      C: RCPT TO:<ana@example.com> NOTIFY=NEVER,SUCCESS
      S: 501 5.5.4 *
      C: RCPT TO:<ana@example.com> NOTIFY=SOMETIMES
      S: 501 5.5.4 *
      C: RCPT TO:<ana@example.com> ORCPT=ana@example.com
      S: 501 5.5.4 *
      C: RCPT TO:<ana@example.com> SIZE=1
      S: 555 5.5.4 *
      C: RCPT TO:<ü@example.com>
      S: 553 5.6.7 *
      C: RCPT TO:<paco@elsewhere.test>
      S: 550 5.7.1 Relaying denied
      C: RCPT TO:<ana%elsewhere.test@example.org>
      S: 550 5.7.1 *`,
  },
  {
    name: "from the own networks a name without a domain, or at localhost, is the site's",
    options: { site: { networks: ['127.0.0.0/8'], origin: 'example.com', domains: ['example.com'] } },
    transcript: `${HELLO}
      C: MAIL FROM:<root>
      S: 250 *
      C: RCPT TO:<ana>
      S: 250 *
      C: RCPT TO:<nobody@localhost>
      S: 550 5.1.1 <nobody@example.com>*`,
  },
  {
    name: 'postmaster needs no domain (RFC 5321 §4.5.1)',
    transcript: `${HELLO}
      C: MAIL FROM:<>
      C: RCPT TO:<Postmaster>
      C: DATA
      S: 250 *
      S: 250 *
      S: 354 *
      C: .
      S: 250 *`,
    mail: [''],
  },
  {
    name: 'too many recipients (RFC 5321 §4.5.3.1.10)',
    options: { site: { limits: limits({ recipients: 3 }) } },
    transcript: `${HELLO}
      C: MAIL FROM:<a@b.test>
      S: 250 *
      ${'C: RCPT TO:<ana@example.com>\n'.repeat(4)}
      S: 250 *
      S: 250 *
      S: 250 *
      S: 452 4.5.3 Too many recipients
      C: DATA
      S: 354 *
      C: .
      S: 250 *`,
    mail: [''],
  },
  {
    name: 'no room in the queue',
    options: { hasRoom: (size) => size <= 1000 },
    transcript: `${HELLO}
      C: MAIL FROM:<a@b.test> SIZE=1001
      S: 452 4.3.1 *
      C: MAIL FROM:<a@b.test> SIZE=1000
      S: 250 *`,
  },
]

function limits(over: Partial<NonNullable<NonNullable<SmtpServiceOptions['site']>['limits']>>) {
  return {
    messageSize: 50 * 2 ** 20,
    mailboxSize: 0,
    recipients: 1000,
    connections: 1000,
    connectionsPerClient: 100,
    connectionsPerMinute: 600,
    bodyMemory: 2 ** 25,
    ...over,
  }
}

const MESSAGE = `${HELLO}
  C: MAIL FROM:<a@b.test>
  C: RCPT TO:<ana@example.com>
  C: DATA
  S: 250 *
  S: 250 *
  S: 354 *`
/** The session is alive, and nothing of the body was taken for a command. */
const STILL_THERE = `
  C: NOOP
  S: 250 2.0.0 OK
  C: QUIT
  S: 221 *
  S<EOF>`

const content: Dialogue[] = [
  {
    name: 'dots (RFC 5321 §4.5.2)',
    transcript: `${MESSAGE}
      C: ..
      C: ..two
      C: .one
      C: a.b.
      C: .
      S: 250 *${STILL_THERE}`,
    mail: ['.\r\n.two\r\none\r\na.b.\r\n'],
  },
  {
    name: 'octets above ASCII, and long lines, come through',
    transcript: `${MESSAGE}
      C: \\xe9\\xff\\x80
      C: ${'y'.repeat(3000)}
      C: .
      S: 250 *${STILL_THERE}`,
    mail: [`\xe9\xff\x80\r\n${'y'.repeat(3000)}\r\n`],
  },
  {
    name: 'a NUL is refused',
    transcript: `${MESSAGE}
      C: a\\0b
      C: .
      S: 550 5.6.0 *${STILL_THERE}`,
  },
  {
    name: 'more than SIZE is read to its end and refused (RFC 1870 §6.3)',
    options: { site: { limits: limits({ messageSize: 1000 }) } },
    transcript: `${MESSAGE}
      C| ${big(3000)}
      C: .
      S: 552 5.3.4 *${STILL_THERE}`,
  },
  {
    name: 'exactly SIZE is taken',
    options: { site: { limits: limits({ messageSize: 720 }) } },
    transcript: `${MESSAGE}
      C| ${big(720)}
      C: .
      S: 250 *${STILL_THERE}`,
    mail: ['x'.repeat(70).concat('\r\n').repeat(10)],
  },
  ...[
    ['LF.LF', '\\n.\\n'],
    ['LF.CRLF', '\\n.\\r\\n'],
    ['CRLF.LF', '\\r\\n.\\n'],
    ['CR.CR', '\\r.\\r'],
    ['CR.CRLF', '\\r.\\r\\n'],
    ['CRLF.CR', '\\r\\n.\\r'],
    ['CRCRLF.CRCRLF', '\\r\\r\\n.\\r\\r\\n'],
    ['CRLF.CRCRLF', '\\r\\n.\\r\\r\\n'],
  ].map(
    ([name, sequence]): Dialogue => ({
      name: `smuggling by ${name} (RFC 5321 §2.3.8)`,
      transcript: `${MESSAGE}
        C| text${sequence}MAIL FROM:<evil@b.test>\\r\\nRCPT TO:<ana@example.com>\\r\\nDATA\\r\\nevil
        C:
        C: .
        S: 550 5.6.0 *${STILL_THERE}`,
    }),
  ),
  {
    name: 'bare line feeds are mended for the own networks, where that is configured',
    options: { site: { bareLineFeed: 'normalise', networks: ['127.0.0.0/8'] } },
    transcript: `
      S: 220 *
      C| EHLO client.test\\n
      S..250
      C| MAIL FROM:<a@b.test>\\nRCPT TO:<ana@example.com>\\nDATA\\n
      S: 250 *
      S: 250 *
      S: 354 *
      C| one\\ntwo\\n.\\nMAIL FROM:<evil@b.test>\\n..three\\r\\n.\\r\\n
      S: 250 2.0.0 *
      C| QUIT\\n
      S: 221 *`,
    mail: ['one\r\ntwo\r\n.\r\nMAIL FROM:<evil@b.test>\r\n.three\r\n'],
  },
  {
    name: 'bare line feeds of strangers are refused even then',
    options: { site: { bareLineFeed: 'normalise' } },
    transcript: `${MESSAGE}
      C| one\\ntwo\\r\\n.\\r\\n
      S: 550 5.6.0 *${STILL_THERE}`,
  },
  {
    name: 'without a limit SIZE is 0 (RFC 1870 §4)',
    options: { site: { limits: limits({ messageSize: 0 }) } },
    transcript: `
      S: 220 *
      C: EHLO client.test
      S: 250-mail.example.com
      S: 250-PIPELINING
      S: 250-SIZE 0
      S..250
      C: MAIL FROM:<a@b.test> SIZE=1000000
      C: RCPT TO:<ana@example.com>
      C: DATA
      S: 250 *
      S: 250 *
      S: 354 *
      C: text
      C: .
      S: 250 *`,
    mail: ['text\r\n'],
  },
  {
    name: 'the intake refuses',
    options: { answer: () => [{ code: 554, enhanced: '5.7.0', text: 'Message contains malware (x)' }] },
    transcript: `${MESSAGE}
      C: .
      S: 554 5.7.0 Message contains malware (x)${STILL_THERE}`,
    mail: [''],
  },
]

const chunking: Dialogue[] = [
  {
    name: 'BDAT in two chunks, pipelined (RFC 3030)',
    transcript: `${HELLO}
      C: MAIL FROM:<a@b.test>
      C: RCPT TO:<ana@example.com>
      C: BDAT 7
      C| ..one\\r\\n
      C: BDAT 5 LAST
      C| two\\r\\n
      S: 250 *
      S: 250 *
      S: 250 2.0.0 7 octets received
      S: 250 2.0.0 OK queued as *${STILL_THERE}`,
    mail: ['..one\r\ntwo\r\n'],
  },
  {
    name: 'BDAT 0 LAST, and a last line without its end',
    transcript: `${HELLO}
      C: MAIL FROM:<a@b.test>
      C: RCPT TO:<ana@example.com>
      C: BDAT 3
      C| abc
      C: BDAT 0 LAST
      S: 250 *
      S: 250 *
      S: 250 *
      S: 250 2.0.0 OK queued as *${STILL_THERE}`,
    mail: ['abc\r\n'],
  },
  {
    name: 'within BDATs nothing but BDAT, RSET, NOOP and QUIT belongs (RFC 3030 §2)',
    transcript: `${HELLO}
      C: MAIL FROM:<a@b.test>
      C: RCPT TO:<ana@example.com>
      C: BDAT 3
      C| abc
      S: 250 *
      S: 250 *
      S: 250 *
      C: DATA
      S: 503 5.5.1 *
      C: MAIL FROM:<a@b.test>
      S: 503 5.5.1 *
      C: RCPT TO:<ana@example.com>
      S: 503 5.5.1 *
      C: NOOP
      S: 250 *
      C: RSET
      S: 250 *
      C: BDAT 3 LAST
      C| abc
      S: 503 5.5.1 *${STILL_THERE}`,
  },
  {
    name: 'a refused BDAT swallows its octets',
    transcript: `${HELLO}
      C: BDAT 12
      C| QUIT\\r\\nQUIT\\r\\n
      S: 503 5.5.1 *
      C: MAIL FROM:<a@b.test>
      S: 250 *
      C: BDAT 6 LAST
      C| QUIT\\r\\n
      S: 554 5.5.1 *${STILL_THERE}`,
  },
  {
    name: 'BDAT beyond SIZE',
    options: { site: { limits: limits({ messageSize: 10 }) } },
    transcript: `${HELLO}
      C: MAIL FROM:<a@b.test>
      C: RCPT TO:<ana@example.com>
      C: BDAT 12
      C| 0123456789\\r\\n
      S: 250 *
      S: 250 *
      S: 552 5.3.4 *
      C: BDAT 2 LAST
      C| \\r\\n
      S: 503 5.5.1 *${STILL_THERE}`,
  },
  {
    name: 'bare line feeds and NULs in BDAT',
    transcript: `${HELLO}
      C: MAIL FROM:<a@b.test>
      C: RCPT TO:<ana@example.com>
      C: BDAT 4 LAST
      C| a\\nb\\n
      S: 250 *
      S: 250 *
      S: 550 5.6.0 *
      C: MAIL FROM:<a@b.test>
      C: RCPT TO:<ana@example.com>
      C: BDAT 4 LAST
      C| a\\0\\r\\n
      S: 250 *
      S: 250 *
      S: 550 5.6.0 *${STILL_THERE}`,
  },
  {
    name: 'octets of a refused BDAT are read up to a bound',
    transcript: `${HELLO}
      C: BDAT 67108865
      S: 503 5.5.1 *
      S<EOF>`,
  },
  {
    name: 'BDAT without a length ends the session',
    transcript: `${HELLO}
      C: BDAT LAST
      S: 501 5.5.4 *
      S<EOF>`,
  },
]

const tls: Dialogue[] = [
  {
    name: 'STARTTLS, and back to the start (RFC 3207 §4.2)',
    transcript: `${HELLO}
      C: STARTTLS now
      S: 501 5.5.4 *
      C: STARTTLS
      S: 220 2.0.0 Ready to start TLS
      TLS
      C: MAIL FROM:<a@b.test>
      S: 503 5.5.1 Send EHLO first
      C: EHLO client.test
      S: 250-mail.example.com
      S: 250-PIPELINING
      S: 250-SIZE *
      S: 250-8BITMIME
      S: 250-SMTPUTF8
      S: 250-CHUNKING
      S: 250-DSN
      S: 250-ENHANCEDSTATUSCODES
      S: 250-LIMITS RCPTMAX=1000
      S: 250-HELP
      S: 250 AUTH PLAIN LOGIN
      C: STARTTLS
      S: 503 5.5.1 TLS is active already
      C: MAIL FROM:<a@b.test>
      C: RCPT TO:<ana@example.com>
      C: DATA
      S: 250 *
      S: 250 *
      S: 354 *
      C: in private
      C: .
      C: QUIT
      S: 250 *
      S: 221 *
      S<EOF>`,
    mail: ['in private\r\n'],
  },
  {
    name: 'an identity proved before STARTTLS is forgotten',
    transcript: `${HELLO}${LOGIN_ANA}
      C: STARTTLS
      S: 220 *
      TLS
      C: EHLO client.test
      S..250
      C: MAIL FROM:<a@b.test>
      C: RCPT TO:<x@elsewhere.test>
      S: 250 *
      S: 550 5.7.1 *`,
  },
  {
    name: 'implicit TLS',
    service: 'submissions',
    implicitTls: true,
    transcript: `${HELLO}
      C: STARTTLS
      S: 503 5.5.1 *
      C: MAIL FROM:<ana@example.com>
      S: 530 5.7.0 Authentication required${LOGIN_ANA}
      C: MAIL FROM:<ana@example.com>
      S: 250 *
      C: QUIT
      S: 221 *
      S<EOF>`,
  },
]

const auth: Dialogue[] = [
  {
    name: 'AUTH PLAIN with an initial response, once (RFC 4954 §4)',
    transcript: `${HELLO}${LOGIN_ANA}
      C: AUTH PLAIN ${PLAIN_ANA}
      S: 503 5.5.1 Already authenticated
      C: MAIL FROM:<ana@example.com>
      C: AUTH PLAIN ${PLAIN_ANA}
      S: 250 *
      S: 503 5.5.1 Not allowed within a mail transaction`,
  },
  {
    name: 'AUTH PLAIN after a challenge, and AUTH LOGIN',
    transcript: `${HELLO}
      C: AUTH plain
      S: 334 *
      C: ${PLAIN_ANA}
      S: 235 2.7.0 *
      C: EHLO client.test
      S..250`,
  },
  {
    name: 'AUTH LOGIN by prompts',
    transcript: `${HELLO}
      C: AUTH LOGIN
      S: 334 VXNlcm5hbWU6
      C: ${b64('ana@example.com')}
      S: 334 UGFzc3dvcmQ6
      C: ${b64('ana@example.com')}
      S: 235 2.7.0 *`,
  },
  {
    name: 'AUTH that fails, each in its own way',
    transcript: `${HELLO}
      C: AUTH
      S: 501 5.5.4 *
      C: AUTH GSSAPI
      S: 504 5.5.4 *
      C: AUTH PLAIN one two
      S: 501 5.5.4 *
      C: AUTH PLAIN ***
      S: 501 5.5.2 *
      C: AUTH LOGIN
      S: 334 *
      C: *
      S: 501 5.7.0 Authentication cancelled
      C: AUTH LOGIN
      S: 334 *
      C: ${'x'.repeat(13000)}
      S: 500 5.5.6 Authentication exchange line is too long
      C: AUTH LOGIN
      S: 334 *
      C| ${b64('ana')}\\n\\r\\n
      S: 501 5.5.2 *
      C: AUTH PLAIN ${b64('\0down@example.com\0x')}
      S: 454 4.7.0 *
      C: AUTH PLAIN ${b64('\0ana@example.com\0wrong')}
      S: 535 5.7.8 Authentication failed
      C: NOOP
      S: 250 *`,
  },
  {
    name: 'the third wrong password ends the session',
    transcript: `${HELLO}
      C: AUTH PLAIN ${b64('\0ana@example.com\0wrong')}
      S: 535 5.7.8 *
      C: AUTH PLAIN ${b64('\0nosuch@example.com\0wrong')}
      S: 535 5.7.8 *
      C: AUTH PLAIN ${b64('\0ana@example.com\0worse')}
      S: 535 5.7.8 *
      S<EOF>`,
  },
  {
    name: 'submission: nobody sends without, or as somebody else (RFC 6409 §4.3, §6.1)',
    service: 'submission',
    transcript: `${HELLO}
      C: MAIL FROM:<ana@example.com>
      S: 530 5.7.0 Authentication required${LOGIN_ANA}
      C: MAIL FROM:<bob@example.com>
      S: 550 5.7.1 Sender address is not yours
      C: MAIL FROM:<ANA+tag@Example.COM>
      S: 250 *
      C: RSET
      S: 250 *
      C: MAIL FROM:<>
      S: 250 *
      C: RSET
      S: 250 *
      C: MAIL FROM:<ana>
      S: 250 *
      C: RSET
      S: 250 *
      C: MAIL FROM:<ana@example.com>
      C: RCPT TO:<paco@elsewhere.test>
      C: RCPT TO:<bob>
      C: DATA
      S: 250 *
      S: 250 *
      S: 250 *
      S: 354 *
      C: .
      S: 250 *`,
    mail: [''],
  },
  {
    name: 'submission with any sender, where that is configured',
    service: 'submission',
    listener: { anySender: true },
    transcript: `${HELLO}${LOGIN_ANA}
      C: MAIL FROM:<bob@example.com>
      S: 250 *`,
  },
]

const lmtp: Dialogue[] = [
  {
    name: 'LMTP answers each recipient (RFC 2033 §4.2)',
    service: 'lmtp',
    options: {
      answer: ({ envelope }) =>
        envelope.recipients.map(({ address }) =>
          address.local === 'full'
            ? { code: 452, enhanced: '4.2.2', text: 'Mailbox is full' }
            : { code: 250, enhanced: '2.0.0', text: `for ${address.local}` },
        ),
    },
    transcript: `${LHLO}
      C: MAIL FROM:<a@b.test>
      C: RCPT TO:<ana@example.com>
      C: RCPT TO:<nobody@example.com>
      C: RCPT TO:<full@example.com>
      C: DATA
      S: 250 *
      S: 250 *
      S: 550 5.1.1 *
      S: 250 *
      S: 354 *
      C: text
      C: .
      C: NOOP
      S: 250 2.0.0 for ana
      S: 452 4.2.2 Mailbox is full
      S: 250 2.0.0 OK`,
    mail: ['text\r\n'],
  },
  {
    name: 'LMTP knows no EHLO, HELO or AUTH, and relays nothing',
    service: 'lmtp',
    options: { site: { networks: ['127.0.0.0/8'] } },
    transcript: `
      S: 220 mail.example.com LMTP Estafeta
      C: EHLO client.test
      S: 500 5.5.2 *
      C: HELO client.test
      S: 500 5.5.2 *
      C: MAIL FROM:<a@b.test>
      S: 503 5.5.1 Send LHLO first
      C: LHLO client.test
      S..250
      C: AUTH PLAIN
      S: 502 5.5.1 *
      C: MAIL FROM:<a@b.test>
      C: RCPT TO:<x@elsewhere.test>
      C: DATA
      S: 250 *
      S: 550 5.7.1 *
      S: 503 5.5.1 No valid recipients
      C: BDAT 2 LAST
      C| \\r\\n
      S: 503 5.5.1 No valid recipients`,
  },
  {
    name: 'LMTP: a refusal of the content goes to each recipient',
    service: 'lmtp',
    transcript: `${LHLO}
      C: MAIL FROM:<a@b.test>
      C: RCPT TO:<ana@example.com>
      C: RCPT TO:<bob@example.com>
      C: DATA
      S: 250 *
      S: 250 *
      S: 250 *
      S: 354 *
      C: a\\0b
      C: .
      C: NOOP
      S: 550 5.6.0 *
      S: 550 5.6.0 *
      S: 250 2.0.0 OK`,
  },
]

const hooks: Dialogue[] = [
  {
    name: 'a refused client may only QUIT (RFC 5321 §3.1)',
    options: { hooks: { connect: () => ({ kind: 'reject', reply: reply(550, '5.7.1', 'blocked') }) } },
    transcript: `
      S: 554 5.7.1 blocked
      C: EHLO client.test
      S: 503 5.5.1 *
      C: MAIL FROM:<a@b.test>
      S: 503 5.5.1 *
      C: QUIT
      S: 221 *
      S<EOF>`,
  },
  {
    name: 'a deferred client hears 421 and is gone',
    options: { hooks: { connect: async () => ({ kind: 'defer', reply: reply(451, '4.7.1', 'later') }) } },
    transcript: `
      S: 421 4.7.1 later
      S<EOF>`,
  },
  {
    name: 'hooks that take their time: what is pipelined waits its turn',
    options: {
      hooks: {
        connect: later({ kind: 'pass' }),
        helo: later({ kind: 'pass' }),
        mail: later({ kind: 'pass' }),
        async rcpt(_transaction, recipient) {
          await new Promise(setImmediate)
          return recipient.address.local === 'nobody'
            ? { kind: 'defer', reply: reply(450, '4.2.0', 'greylisted') }
            : { kind: 'accept', as: 'local', recipient }
        },
        data: later({ kind: 'pass' }),
      },
    },
    transcript: `${HELLO}
      C: MAIL FROM:<a@b.test>
      C: RCPT TO:<nobody@example.com>
      C: RCPT TO:<ana@example.com>
      C: NOOP
      C: DATA
      S: 250 2.1.0 *
      S: 450 4.2.0 greylisted
      S: 250 2.1.5 *
      S: 250 2.0.0 OK
      S: 354 *
      C: one
      C: .
      C: MAIL FROM:<a@b.test>
      C: RCPT TO:<ana@example.com>
      C: BDAT 5 LAST
      C| two\\r\\n
      C: QUIT
      S: 250 2.0.0 *
      S: 250 2.1.0 *
      S: 250 2.1.5 *
      S: 250 2.0.0 *
      S: 221 *
      S<EOF>`,
    mail: ['one\r\n', 'two\r\n'],
  },
  {
    name: 'each hook refuses',
    options: {
      hooks: {
        helo: (session) =>
          session.helo === 'bad.test' ? { kind: 'reject', reply: reply(550, '5.7.1', 'helo') } : PASS,
        mail: (tx) => (tx.reversePath === null ? { kind: 'defer', reply: reply(451, '4.7.1', 'mail') } : PASS),
        data: () => ({ kind: 'reject', reply: reply(554, '5.7.1', 'data') }),
      },
    },
    transcript: `
      S: 220 *
      C: EHLO bad.test
      S: 550 5.7.1 helo
      C: MAIL FROM:<a@b.test>
      S: 503 *
      C: EHLO good.test
      S..250
      C: EHLO bad.test
      S: 550 5.7.1 helo
      C: MAIL FROM:<a@b.test>
      S: 503 5.5.1 Send EHLO first
      C: EHLO good.test
      S..250
      C: MAIL FROM:<>
      S: 451 4.7.1 mail
      C: RCPT TO:<ana@example.com>
      S: 503 *
      C: MAIL FROM:<a@b.test>
      C: RCPT TO:<ana@example.com>
      C: DATA
      S: 250 *
      S: 250 *
      S: 554 5.7.1 data
      C: BDAT 6 LAST
      C| QUIT\\r\\n
      S: 554 5.7.1 data
      C: NOOP
      S: 250 *`,
  },
  {
    name: 'a refusal that disconnects, and a 421',
    options: {
      hooks: {
        mail: () => ({ kind: 'reject', reply: reply(550, '5.7.1', 'go away'), disconnect: true }),
      },
    },
    transcript: `${HELLO}
      C: MAIL FROM:<a@b.test>
      C: NOOP
      S: 550 5.7.1 go away
      S<EOF>`,
  },
  {
    name: 'a recipient is rewritten',
    options: {
      hooks: {
        rcpt: (_transaction, recipient) => ({
          kind: 'accept',
          as: 'local',
          recipient: { ...recipient, address: { local: 'bob', domain: 'example.com', original: 'bob@example.com' } },
        }),
      },
    },
    transcript: `${MESSAGE}
      C: .
      S: 250 *`,
    mail: [''],
  },
  {
    name: 'a hook that throws is our fault, not the client’s',
    options: {
      hooks: {
        mail: () => {
          throw new Error('a bug')
        },
      },
    },
    transcript: `${HELLO}
      C: MAIL FROM:<a@b.test>
      S: 421 4.3.0 *
      S<EOF>`,
  },
  {
    name: 'a hook that rejects is our fault too',
    options: { hooks: { mail: () => Promise.reject(new Error('a bug')) } },
    transcript: `${HELLO}
      C: MAIL FROM:<a@b.test>
      S: 421 4.3.0 *
      S<EOF>`,
  },
  {
    name: 'text of a plugin cannot break the protocol',
    options: {
      hooks: { mail: () => ({ kind: 'reject', reply: reply(550, '5.7.1', `é\r\n250 ${'x'.repeat(600)}`) }) },
    },
    transcript: `${HELLO}
      C: MAIL FROM:<a@b.test>
      S: 550 5.7.1 ???250 ${'x'.repeat(493)}
      C: NOOP
      S: 250 *`,
  },
]

function reply(code: number, enhanced: string, text: string) {
  return { code, enhanced, text }
}
function later<T>(value: T): () => Promise<T> {
  return async () => {
    await new Promise(setImmediate)
    return value
  }
}
const PASS = { kind: 'pass' } as const

export const dialogues: readonly Dialogue[] = [
  ...basics,
  ...mailAndRcpt,
  ...content,
  ...chunking,
  ...tls,
  ...auth,
  ...lmtp,
  ...hooks,
]
