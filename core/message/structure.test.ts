// MIME structure: what IMAP says of a message, whatever the chunks, the line ends and the malice.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { textSink } from './body-text.ts'
import { decodeHeaderText, encodeFieldValue } from './encoded-word.ts'
import { MAX_MIME_DEPTH, MAX_MIME_PARTS, type MimePart } from './mime.ts'
import { parseContentType } from './mime-header.ts'
import { parseFieldDate } from './parse-date.ts'
import { createDescriber, formatString, type MessageDescription } from './structure.ts'

const crlf = (text: string) => text.replace(/\r?\n/g, '\r\n')

function describeMessage(message: string | Buffer, chunk = 1 << 20): MessageDescription {
  const bytes = typeof message === 'string' ? Buffer.from(message, 'latin1') : message
  const describer = createDescriber()
  for (let at = 0; at < bytes.length; at += chunk) describer.write(bytes.subarray(at, at + chunk))
  return describer.end()
}

const flat = (part: MimePart): MimePart[] => [part, ...part.children.flatMap(flat)]
const outline = (d: MessageDescription) =>
  flat(d.root).map((p) => [p.kind, p.type, p.subtype, p.headerStart, p.bodyStart, p.bodyEnd, p.lines])
const strings = ({ envelope, body, bodyStructure, size }: MessageDescription) => ({
  envelope,
  body,
  bodyStructure,
  size,
})

/** Reads nested parentheses, quoted strings and literals: what any client's parser must get through. */
function balanced(text: string): boolean {
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const c = text[at]
    if (c === '(') depth++
    else if (c === ')') depth--
    else if (c === '"') {
      for (at++; at < text.length && text[at] !== '"'; at++) {
        if (text[at] === '\\') at++
        if (text.charCodeAt(at) > 126 || text.charCodeAt(at) < 9) return false
      }
      if (at >= text.length) return false
    } else if (c === '{') {
      const m = /^\{(\d+)\}\r\n/.exec(text.slice(at, at + 20))
      if (!m) return false
      at += m[0].length + Number(m[1]) - 1
      if (at >= text.length) return false
    } else if (c === '\r' || c === '\n') return false
    if (depth < 0 || (depth === 0 && at < text.length - 1)) return false
  }
  return depth === 0
}

describe('ENVELOPE', () => {
  const envelope = (header: string) => describeMessage(crlf(`${header}\n\nbody\n`)).envelope

  it('gives the example of RFC 3501 §8', () => {
    const header = `Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)
From: Terry Gray <gray@cac.washington.edu>
Subject: IMAP4rev1 WG mtg summary and minutes
To: imap@cac.washington.edu
cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>
Message-Id: <B27397-0100000@cac.washington.edu>
MIME-Version: 1.0
Content-Type: TEXT/PLAIN; CHARSET=US-ASCII`
    expect(envelope(header)).toBe(
      '("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" "IMAP4rev1 WG mtg summary and minutes" (("Terry Gray" NIL "gray" "cac.washington.edu")) (("Terry Gray" NIL "gray" "cac.washington.edu")) (("Terry Gray" NIL "gray" "cac.washington.edu")) ((NIL NIL "imap" "cac.washington.edu")) ((NIL NIL "minutes" "CNRI.Reston.VA.US")("John Klensin" NIL "KLENSIN" "MIT.EDU")) NIL NIL "<B27397-0100000@cac.washington.edu>")',
    )
  })

  it.each([
    [
      'To: "Giant; \\"Big\\" Box" <sysservices@example.net>',
      '(("Giant; \\"Big\\" Box" NIL "sysservices" "example.net"))',
    ],
    [
      'To: A Group:Ed Jones <joe@where.test>,john@one.test;',
      '((NIL NIL "A Group" NIL)("Ed Jones" NIL "joe" "where.test")(NIL NIL "john" "one.test")(NIL NIL NIL NIL))',
    ],
    ['To: undisclosed-recipients:;', '((NIL NIL "undisclosed-recipients" NIL)(NIL NIL NIL NIL))'],
    ['To: jdoe@example.org (Jane Doe)', '(("Jane Doe" NIL "jdoe" "example.org"))'],
    ['To: <@a.test,@b.test:joe@c.test>', '((NIL "@a.test,@b.test" "joe" "c.test"))'],
    ['To: =?utf-8?q?M=C3=BCller?= <m@example.org>', '(("=?utf-8?q?M=C3=BCller?=" NIL "m" "example.org"))'],
    [
      'To: "quoted local"@example.org, x@[192.0.2.1]',
      '((NIL NIL "quoted local" "example.org")(NIL NIL "x" "[192.0.2.1]"))',
    ],
    [
      'To: Mary Smith <mary@x.test>,\n\tjdoe@example.org,, Who? <one@y.test>',
      '(("Mary Smith" NIL "mary" "x.test")(NIL NIL "jdoe" "example.org")("Who?" NIL "one" "y.test"))',
    ],
    ['To: Ana de la Torre ana@b.test', '(("Ana de la Torre" NIL "ana" "b.test"))'],
    ['To: "A B" a@b.test, x . y @ b.test', '(("A B" NIL "a" "b.test")(NIL NIL "x.y" "b.test"))'],
    [
      'To: me@x.test <you@y.test>, i@x.test too <me@y.test>',
      '(("me@x.test" NIL "you" "y.test")("i@x.test too" NIL "me" "y.test"))',
    ],
    ['To: a@b.test>, c@d.test', '((NIL NIL "a" "b.test")(NIL NIL "c" "d.test"))'],
    ['To: a@b.test\nTo: c@d.test', '((NIL NIL "a" "b.test")(NIL NIL "c" "d.test"))'],
    ['To: Joe Q. Public <john.q.public@example.com>', '(("Joe Q. Public" NIL "john.q.public" "example.com"))'],
    ['To: A1 (The Enforcer) Gore <gore@example.org>', '(("A1 Gore" NIL "gore" "example.org"))'],
    ['To: Just A Name', '(("Just A Name" NIL "" ""))'],
    ['To: nobody', '((NIL NIL "nobody" ""))'],
    ['To:', 'NIL'],
  ])('%s', (header, to) => {
    expect(envelope(header)).toBe(`(NIL NIL NIL NIL NIL ${to} NIL NIL NIL NIL)`)
  })

  it('sends what is no ASCII as a literal of octets, empty fields as empty strings', () => {
    expect(envelope('Subject: gr\xfc\xdfe\nIn-Reply-To:')).toBe(
      '(NIL {5}\r\ngr\xfc\xdfe NIL NIL NIL NIL NIL NIL "" NIL)',
    )
  })
})

describe('BODYSTRUCTURE', () => {
  it('gives an extended value whose first section is plain an empty charset and language (RFC 2231 §4.1)', () => {
    const d = describeMessage(crlf('Content-Type: application/pdf; name*0="a b"; name*1*=%20c\n\nx\n'))
    expect(d.body).toContain(`("name*" "''a%20b%20c")`)
  })
  it('joins continued parameters and keeps extended ones encoded (RFC 2231 §6)', () => {
    const d = describeMessage(
      crlf(`Content-Type: application/pdf; name*0="long "; name*1="name.pdf"; title*=utf-8'de'gr%C3%BC%C3%9Fe
Content-Disposition: attachment; filename*0*=utf-8''a%20; filename*1="b c"
Content-Transfer-Encoding: BASE64
Content-ID: <one@two>
Content-Language: en, de

AAAA
`),
    )
    expect(d.bodyStructure).toBe(
      `("application" "pdf" ("name" "long name.pdf" "title*" "utf-8'de'gr%C3%BC%C3%9Fe") "<one@two>" NIL "base64" 6 NIL ("attachment" ("filename*" "utf-8''a%20b%20c")) ("en" "de") NIL)`,
    )
    expect(d.body).toBe(
      `("application" "pdf" ("name" "long name.pdf" "title*" "utf-8'de'gr%C3%BC%C3%9Fe") "<one@two>" NIL "base64" 6)`,
    )
  })

  it('counts a part without the line end of its boundary', () => {
    const d = describeMessage(
      crlf(`Content-Type: multipart/mixed; boundary="b"

preamble
--b

one
two

--b
Content-Type: text/html

<p>
--b--
epilogue
`),
    )
    expect(d.body).toBe(
      '(("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 10 2)("text" "html" ("charset" "us-ascii") NIL NIL "7bit" 3 0) "mixed")',
    )
  })

  it('treats nonsense as plain text and gives a multipart without parts an empty one', () => {
    expect(describeMessage('Content-Type: nonsense\r\n\r\nx').body).toBe(
      '("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 1 0)',
    )
    expect(describeMessage('Content-Type: multipart/mixed; boundary=b\r\n\r\nx').body).toBe(
      '(("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0) "mixed")',
    )
    expect(describeMessage('Content-Type: multipart/mixed\r\n\r\nx').body).toBe(
      '("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 1 0)',
    )
    expect(describeMessage('').body).toBe('("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0)')
  })

  it('stops describing at the depth bound', () => {
    const depth = MAX_MIME_DEPTH + 30
    let message = ''
    for (let i = 0; i < depth; i++) message += `Content-Type: multipart/mixed; boundary=b${i}\r\n\r\n--b${i}\r\n`
    const all = flat(describeMessage(message).root)
    expect(all.length).toBeLessThanOrEqual(MAX_MIME_DEPTH + 1)
    expect(all.at(-1)).toMatchObject({ kind: 'leaf', type: 'application', subtype: 'octet-stream' })
    const nested = flat(describeMessage('Content-Type: message/rfc822\r\n\r\n'.repeat(depth)).root)
    expect(nested.length).toBeLessThanOrEqual(MAX_MIME_DEPTH + 1)
  })

  it('stops describing at the bound of parts', () => {
    const d = describeMessage(
      'Content-Type: multipart/mixed; boundary=b\r\n\r\n' + '--b\r\n\r\nx\r\n'.repeat(MAX_MIME_PARTS * 3),
    )
    expect(flat(d.root).length).toBe(MAX_MIME_PARTS)
    expect(d.root.bodyEnd).toBe(d.size)
  })
})

describe('streaming', () => {
  const sample = crlf(`From: a@b.test
Content-Type: multipart/mixed; boundary=outer

--outer
Content-Type: multipart/alternative; boundary="outer-2"

--outer-2
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

gr=C3=BC=C3=
=9Fe  ${'x'.repeat(1500)}
--outer-2--
--outer
Content-Type: message/rfc822

Subject: within

text
--outer
Content-Type: text/plain
Content-Transfer-Encoding: base64

Z3LDvMOfZSBh
dXMgQmVybGlu
--outer--
`)

  it('gives the same for any chunks and for LF line ends', () => {
    const whole = describeMessage(sample)
    for (const size of [1, 2, 3, 7, 64, 1000, 1001]) {
      expect(strings(describeMessage(sample, size))).toEqual(strings(whole))
      expect(outline(describeMessage(sample, size))).toEqual(outline(whole))
      expect(outline(describeMessage(sample.replaceAll('\r\n', '\n'), size))).toEqual(outline(whole))
    }
    expect(whole.size).toBe(sample.length)
  })

  it('finds each part where it lies', () => {
    const d = describeMessage(sample)
    const leaf = flat(d.root).filter((p) => p.kind === 'leaf')
    expect(leaf.map((p) => sample.slice(p.bodyStart, p.bodyEnd).slice(0, 8))).toEqual(['gr=C3=BC', 'text', 'Z3LDvMOf'])
    expect(sample.slice(leaf[1]!.headerStart, leaf[1]!.bodyStart)).toBe('Subject: within\r\n\r\n')
  })

  it('decodes bodies for search, whatever the chunks', () => {
    for (const size of [1, 5, 100, 10_000]) {
      let text = ''
      const describer = createDescriber(textSink((piece) => (text += piece)))
      const bytes = Buffer.from(sample)
      for (let at = 0; at < bytes.length; at += size) describer.write(bytes.subarray(at, at + size))
      describer.end()
      expect(text).toContain('grüße  xxx')
      expect(text).toContain('grüße aus Berlin')
    }
  })

  it('reads UTF-7, whatever the chunks', () => {
    const bytes = Buffer.from('Content-Type: text/plain; charset=UTF-7\n\nHi Mom +Jjo--! 1 +- 1, +2D3eAA +ZeU!-x, +\n')
    for (const size of [1, 3, 100]) {
      let text = ''
      const describer = createDescriber(textSink((piece) => (text += piece)))
      for (let at = 0; at < bytes.length; at += size) describer.write(bytes.subarray(at, at + size))
      describer.end()
      expect(text).toBe('Hi Mom ☺-! 1 + 1, 😀 日!-x, +\n')
    }
    expect(decodeHeaderText('=?utf-7?Q?a_+Jjo-?=')).toBe('a ☺')
  })

  it('sees the fields behind a very long one', () => {
    const header = `To: ${'a@b.test,\n '.repeat(70_000)}a@b.test\n`
    const d = describeMessage(`${header}Subject: behind\nContent-Type: text/html\n\n<p>\n`)
    expect(d.subject).toBe('behind')
    expect(d.bodyStructure).toMatch(/^\("text" "html" /)
  })

  it('never throws, and always gives well-formed strings (property)', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        '\r\n',
        '\n',
        '\r',
        '--',
        '--b',
        '--b--',
        '--c\r\n',
        'Content-Type: ',
        'multipart/mixed; boundary=b',
        'multipart/digest; boundary="c"',
        'message/rfc822',
        'text/plain; charset=',
        'Subject: ',
        'To: ',
        'From: ',
        '(',
        ')',
        '"',
        '\\',
        '<',
        '>',
        '@',
        ',',
        ':',
        ';',
        '{5}',
        '=?utf-8?b?',
        '?=',
        'Content-Disposition: attachment; filename*0*=',
        "utf-8''%",
        'Content-Language: ',
        '\0',
      ),
      fc.string({ maxLength: 8, unit: 'binary' }),
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), fc.integer({ min: 1, max: 40 }), (pieces, chunk) => {
        const bytes = Buffer.from(pieces.join(''))
        const whole = describeMessage(bytes)
        expect(strings(describeMessage(bytes, chunk))).toEqual(strings(whole))
        for (const text of [whole.envelope, whole.body, whole.bodyStructure]) expect(balanced(text), text).toBe(true)
        for (const part of flat(whole.root)) {
          expect(part.headerStart).toBeLessThanOrEqual(part.bodyStart)
          expect(part.bodyStart).toBeLessThanOrEqual(part.bodyEnd)
          expect(part.bodyEnd).toBeLessThanOrEqual(whole.size)
          expect(part.lines).toBeGreaterThanOrEqual(0)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('stays linear on hostile input', () => {
    const hostile = [
      'Subject: ' + ' \t'.repeat(200_000),
      'To: ' + '('.repeat(200_000),
      'To: ' + '"'.repeat(200_001),
      'To: ' + '<'.repeat(200_000),
      'To: ' + 'a '.repeat(100_000),
      'Content-Type: text/plain; ' + 'a*0*=b;'.repeat(30_000),
      'Content-Type: text/plain; ' + '('.repeat(200_000),
      'a\n'.repeat(120_000) + 'x: y',
      'Subject: ' + '=?a?b?'.repeat(30_000),
      'Date: ' + '('.repeat(200_000),
      'References: ' + '<'.repeat(200_000),
      'Content-Type: multipart/mixed; boundary=b\n\n' +
        '--b\nContent-Type: multipart/mixed; boundary=b\n\n'.repeat(20_000),
      'Content-Transfer-Encoding: quoted-printable\n\n' + ' '.repeat(400_000) + 'x',
      'Content-Type: text/plain; charset=utf-7\n\n' + '+A'.repeat(200_000) + '!',
    ]
    for (const message of hostile) {
      const started = performance.now()
      let length = 0
      const describer = createDescriber(textSink((text) => (length += text.length)))
      describer.write(Buffer.from(message))
      describer.end()
      expect(performance.now() - started, message.slice(0, 30)).toBeLessThan(1000)
    }
  })
})

describe('encoded header', () => {
  it.each([
    ['X-Note', 'plain "text"', 'plain "text"'],
    ['X-Note', 'a naïve, déjà-vu note', 'a =?UTF-8?B?bmHDr3ZlLCBkw6lqw6AtdnU=?= note'],
    ['From', 'José García <jose@here.test>', '=?UTF-8?B?Sm9zw6kgR2FyY8OtYQ==?= <jose@here.test>'],
    [
      'to',
      '"Ana \\"Ñ\\" Ruiz" <ana@here.test>, b@c.test',
      '=?UTF-8?B?QW5hICLDkSIgUnVpeg==?= <ana@here.test>, b@c.test',
    ],
    ['Cc', 'ñ@here.test, <ü@here.test> (Ö)', 'ñ@here.test, <ü@here.test> (=?UTF-8?B?w5Y=?=)'],
  ])('%s: %s', (name, value, encoded) => expect(encodeFieldValue(name, value)).toBe(encoded))

  it('keeps to 7 bits and short lines, and is decoded to what it was', () => {
    const word = fc.string({
      unit: fc.constantFrom('a', '?', '=', 'é', '日', '😀', '\u00a0'),
      minLength: 1,
      maxLength: 60,
    })
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 8 }), (words) => {
        const encoded = encodeFieldValue('X-Note', words.join(' '))
        expect(encoded).toMatch(/^[\x20-\x7e\r\n]*$/)
        for (const found of encoded.matchAll(/=\?UTF-8\?B\?[^?]*\?=/g)) expect(found[0].length).toBeLessThanOrEqual(75)
        fc.pre(!words.some((one) => one.includes('=?')))
        expect(decodeHeaderText(encoded.replace(/\r\n /g, ' '))).toBe(words.join(' '))
      }),
    )
  })
})

describe('decoded header', () => {
  it.each([
    ['=?ISO-8859-1?Q?Andr=E9?= Pirard', 'André Pirard'],
    ['=?utf-8?B?Z3LDvA==?= =?utf-8?B?w59l?=', 'grüße'],
    ['=?utf-8?B?Z3LD?= =?utf-8?B?vMOfZQ==?=', 'grüße'],
    ['(=?ISO-8859-1?Q?a?= b)', '(a b)'],
    ['=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=', '日本'],
    ['=?nonsense?Q?a_b?=', 'a b'],
    ['plain', 'plain'],
    ['=?broken', '=?broken'],
    ['café', 'café'],
  ])('%s', (raw, text) => expect(decodeHeaderText(raw)).toBe(text))

  it.each([
    ['Fri, 21 Nov 1997 09:55:06 -0600', '1997-11-21T15:55:06.000Z', '1997-11-21'],
    ['21 Nov 97 09:55:06 GMT', '1997-11-21T09:55:06.000Z', '1997-11-21'],
    ['Thu, 13 Feb 1969 23:32 -0330', '1969-02-14T03:02:00.000Z', '1969-02-13'],
    ['Wed, 17 Jul 1996 02:23:25 (comment) PDT', '1996-07-17T09:23:25.000Z', '1996-07-17'],
    ['(a (b)) 17 (\\() Jul(c)1996 (d) 02 : (e) 23 :25 (f (g) h) -0700', '1996-07-17T09:23:25.000Z', '1996-07-17'],
    ['17 Jul 1996 02:23:25 (unclosed', '1996-07-17T02:23:25.000Z', '1996-07-17'],
  ])('date %s', (text, time, day) => {
    expect(parseFieldDate(text)).toEqual({ time: Date.parse(time), day })
  })

  it('gives threading its ids', () => {
    const d = describeMessage(
      'Message-ID: <c@x>\r\nReferences: <a@x>\r\n <b@x>\r\nIn-Reply-To: <b@x>\r\nDate: nonsense\r\n\r\n',
    )
    expect(d).toMatchObject({ messageId: '<c@x>', references: ['<a@x>', '<b@x>'], date: null, sentDay: null })
  })
})

it('quotes strings only as quoted strings may be', () => {
  expect(formatString('a "b" \\')).toBe('"a \\"b\\" \\\\"')
  expect(formatString('')).toBe('""')
  expect(parseContentType('TEXT/Plain; Charset="a\\"b" (x); q=1 (y)')).toEqual({
    type: 'text',
    subtype: 'plain',
    parameters: [
      ['charset', 'a"b'],
      ['q', '1'],
    ],
  })
})

interface VectorPart {
  readonly offset_header: number
  readonly offset_body: number
  readonly offset_end: number
  readonly body: { readonly [kind: string]: unknown }
}

describe('shared vectors', () => {
  const folder = fileURLToPath(new URL('../../../shared/vectors/mime/', import.meta.url))
  if (!existsSync(folder)) console.log('MIME vectors are not here: their cases do not run')
  const files = existsSync(folder)
    ? ['rfc', 'malformed'].flatMap((kind) =>
        readdirSync(folder + kind)
          .filter((name) => name.endsWith('.eml'))
          .map((name) => `${kind}/${name.slice(0, -4)}`),
      )
    : []
  it.runIf(files.length > 0)('has cases', () => expect(files.length).toBeGreaterThan(30))

  /** Where we answer otherwise, and why. */
  const outer = 'the boundary of an outer multipart ends the inner ones (RFC 2046 §5.1.2)'
  const otherwise: { readonly [name: string]: string } = {
    'malformed/001': outer,
    'malformed/004': 'boundaries are compared as whole lines, not as beginnings of lines',
    'malformed/007': 'a header ends at an empty line or at an open boundary, not at one to come',
    'malformed/008': outer,
    'malformed/009': outer,
    'malformed/011': outer,
    'malformed/012': outer,
    'malformed/016': outer,
    'malformed/017': 'without a readable Content-Type it is plain text',
    'malformed/019': 'a multipart left open runs to the end of the message',
    'malformed/022': 'what is attached as message/rfc822 is described as one',
  }

  it.each(files)('%s: parts begin and end where the vector says', (name) => {
    const bytes = readFileSync(`${folder}${name}.eml`)
    const expected = (JSON.parse(readFileSync(`${folder}${name}.crlf.json`, 'utf8')) as { parts: VectorPart[] }).parts
    const ours = flat(describeMessage(bytes).root).map((p) => `${p.headerStart} ${p.bodyStart} ${p.bodyEnd}`)
    const missing = expected
      .map((p) => `${p.offset_header} ${p.offset_body} ${p.offset_end}`)
      .filter((place) => !ours.includes(place))
    if (!(name in otherwise)) expect(missing).toEqual([])
    else expect(missing.length, 'no longer otherwise').toBeGreaterThan(0)
  })
})
