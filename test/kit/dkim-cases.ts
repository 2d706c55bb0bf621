// Messages that DKIM signers get wrong, and plain ones: each must verify everywhere once signed.

const HEADER = [
  'From: Ana <ana@estafeta.test>',
  'To: paco@example.net',
  'Subject: A subject',
  'Date: Sun, 22 Nov 2026 10:00:00 +0000',
  'Message-ID: <1@estafeta.test>',
]
const header = (...more: string[]) => [...HEADER, ...more].join('\r\n')
const mail = (body: string | Buffer, ...more: string[]): Buffer =>
  Buffer.concat([Buffer.from(`${header(...more)}\r\n\r\n`), Buffer.from(body as string)])
const latin1 = (text: string) => Buffer.from(text, 'latin1')

/** Cases that dkim-signer may sign: a plain ASCII message. */
export const EASY_CASES: { readonly [name: string]: Buffer } = {
  'a plain message': mail('Hello\r\n'),
  'trailing blank lines': mail('Hello\r\n\r\n\r\n'),
  'trailing white space': mail('Hello \t \r\n  \t\r\nthere  \r\n'),
  'no final line end': mail('Hello'),
  'leading blank lines': mail('\r\n\r\nHello\r\n'),
  'tabs and runs of spaces': mail('a\t\tb   c \t d\r\n'),
  'folded header fields': mail('Hello\r\n', 'References: <a@b>\r\n <c@d>\r\n\t<e@f>', 'X-Other:\r\n folded at once'),
  'repeated Cc': mail('Hello\r\n', 'Cc: one@example.net', 'Cc: two@example.net'),
  'an empty header field': mail('Hello\r\n', 'Comments:', 'Reply-To: '),
  'names in odd letter case': mail('Hello\r\n', 'cONTENT-type:  text/plain', 'mime-VERSION:1.0'),
  'lines of dots': mail('.\r\n..\r\n.hidden\r\n'),
  'a line of 998 octets': mail(`${'x'.repeat(998)}\r\n`),
  'list fields': mail('Hello\r\n', 'List-Id: <l.estafeta.test>', 'List-Unsubscribe: <mailto:l@estafeta.test>'),
  '60 folded references': mail(
    'Hello\r\n',
    `References: ${Array.from({ length: 60 }, (_, n) => `<${n}@x>`).join('\r\n ')}`,
  ),
}

/** Cases in which dkim-signer's signature would fail, or that it would take too long for. */
export const HARD_CASES: { readonly [name: string]: Buffer } = {
  'an empty body': mail(''),
  'a header alone': Buffer.from(`${header()}\r\n`),
  'a body of one blank line': mail('\r\n'),
  'a body of blank lines': mail('\r\n\r\n\r\n'),
  'a body of white space': mail(' \t\r\n  \r\n'),
  'UTF-8 in the body': mail('señor ñandú\r\n'),
  'UTF-8 in the header': mail('Hello\r\n', 'X-Name: señor').subarray(),
  'a no-break space in the body': mail('a\u00a0 b\u00a0\r\n'),
  'a no-break space in a signed field': Buffer.from(
    mail('Hello\r\n').toString().replace('A subject', 'A\u00a0 subject\u00a0'),
  ),
  'an ideographic space': mail('a\u3000b\u3000\r\n'),
  'a line separator': mail('a\u2028b\r\n'),
  'a byte order mark': mail('\ufeffHello\r\n'),
  'Latin-1 in the body': mail(latin1('se\xf1or \xa0 x\xa0\r\n')),
  'Latin-1 in the header': latin1(mail('Hello\r\n').toString('latin1').replace('A subject', 'se\xf1or\xa0 x')),
  'a vertical tab before white space': mail('a\v b\v\r\n'),
  'a form feed at the end of a line': mail('a\f\r\nb \f \r\n'),
  'a bare CR in the body': mail('a\rb\r\n'),
  'NUL octets': mail('a\0b\r\n'),
  '60,000 blank lines': mail(`${'\r\n'.repeat(60_000)}x\r\n`),
  '20,000 spaces before a letter': mail(`${' '.repeat(20_000)}x\r\n`),
  'a long run of spaces in a signed field': Buffer.from(
    mail('Hello\r\n')
      .toString()
      .replace('A subject', `A${' '.repeat(5000)}subject`),
  ),
  'more than 256 KiB': mail('0123456789 abcdef\r\n'.repeat(20_000)),
}
