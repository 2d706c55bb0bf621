// The messages that lie in the mailbox of a case: what they hold, their flags and dates are known to the octet.

export interface Fixture {
  readonly name: string
  /** CR LF line ends, one character an octet. */
  readonly text: string
  readonly flags: readonly string[]
  /** As APPEND takes it. */
  readonly date: string
}

const lines = (...all: readonly string[]): string => all.map((line) => `${line}\r\n`).join('')

const plain = lines(
  'Date: Mon, 06 Jan 2020 10:11:12 +0000',
  'From: Ana Perez <ana@conformance.example>',
  'To: Paco <paco@conformance.example>',
  'Cc: "Third, Person" <third@conformance.example>, fourth@conformance.example',
  'Message-ID: <plain@conformance.example>',
  'Subject: Plain fixture',
  'X-Fixture: plain',
  '',
  'The first line of plain.',
  'A walnut in the second.',
  '',
  'After an empty line.',
)

const multipart = lines(
  'Date: Tue, 07 Jan 2020 11:00:00 +0100',
  'From: Ana Perez <ana@conformance.example>',
  'Sender: Office <office@conformance.example>',
  'Reply-To: answers@conformance.example',
  'To: paco@conformance.example',
  'Bcc: hidden@conformance.example',
  'Message-ID: <multipart@conformance.example>',
  'Subject: Multipart fixture',
  'MIME-Version: 1.0',
  'Content-Type: multipart/mixed; boundary="outer-bound"',
  '',
  'preamble',
  '--outer-bound',
  'Content-Type: multipart/alternative; boundary=inner',
  '',
  '--inner',
  'Content-Type: text/plain; charset=us-ascii',
  'Content-ID: <text@conformance.example>',
  'Content-Description: The text',
  '',
  'Text with a hazelnut.',
  'Two lines.',
  '--inner',
  'Content-Type: text/html; charset=utf-8',
  'Content-Transfer-Encoding: quoted-printable',
  'Content-Language: en, es',
  'Content-Location: http://conformance.example/text.html',
  '',
  '<p>Text with a hazeln=C3=BCt.</p>',
  '--inner--',
  '--outer-bound',
  'Content-Type: application/octet-stream; name="nuts.bin"',
  'Content-Transfer-Encoding: base64',
  'Content-Disposition: attachment; filename="nuts.bin"; size=6',
  'Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==',
  '',
  'AAECAwT/',
  '--outer-bound--',
  'epilogue',
)

const nested = lines(
  'Date: Wed, 08 Jan 2020 12:00:00 -0500',
  'From: Paco <paco@conformance.example>',
  'To: ana@conformance.example',
  'Message-ID: <nested@conformance.example>',
  'Subject: Nested fixture',
  'MIME-Version: 1.0',
  'Content-Type: multipart/mixed; boundary=wrap',
  '',
  '--wrap',
  'Content-Type: text/plain',
  '',
  'See the message below.',
  '--wrap',
  'Content-Type: message/rfc822',
  'Content-Description: A forwarded message',
  '',
  'Date: Sun, 05 Jan 2020 09:00:00 +0000',
  'From: inner@conformance.example',
  'To: ana@conformance.example',
  'Message-ID: <inner@conformance.example>',
  'Subject: Inner message',
  'MIME-Version: 1.0',
  'Content-Type: multipart/mixed; boundary=deep',
  '',
  '--deep',
  'Content-Type: text/plain',
  '',
  'An almond inside.',
  '--deep',
  'Content-Type: image/gif; name=dot.gif',
  'Content-Transfer-Encoding: base64',
  'Content-Disposition: inline',
  '',
  'R0lGODlhAQABAAAAACw=',
  '--deep--',
  '--wrap--',
)

const eightbit = lines(
  'Date: Thu, 09 Jan 2020 13:00:00 +0000',
  'From: ana@conformance.example',
  'To: paco@conformance.example',
  'Message-ID: <eightbit@conformance.example>',
  'Subject: Eight bits',
  'MIME-Version: 1.0',
  'Content-Type: text/plain; charset=utf-8',
  'Content-Transfer-Encoding: 8bit',
  '',
  'Una nuez peque\xc3\xb1a.',
)

const long = lines(
  'Date: Fri, 10 Jan 2020 14:00:00 +0000',
  'From: ana@conformance.example',
  'To: one@conformance.example,',
  ...Array.from({ length: 40 }, (_, i) => ` recipient-${i}@conformance.example,`),
  ' last@conformance.example',
  'Message-ID: <long@conformance.example>',
  'References: <plain@conformance.example>',
  '\t<multipart@conformance.example>',
  `X-Long: ${'x'.repeat(900)}`,
  'Subject: A subject',
  ' that is folded',
  '',
  'Long header, short body.',
)

const encoded = lines(
  'Date: Sat, 11 Jan 2020 15:00:00 +0000',
  'From: =?utf-8?q?Jos=C3=A9?= <jose@conformance.example>',
  'To: Friends: one@conformance.example, two@conformance.example;, three@conformance.example',
  'Message-ID: <encoded@conformance.example>',
  'Subject: =?utf-8?B?w5FhbmTDug==?= and =?iso-8859-1?Q?pi=F1a?=',
  'MIME-Version: 1.0',
  'Content-Type: text/plain; charset=iso-8859-1',
  'Content-Transfer-Encoding: quoted-printable',
  '',
  'A pi=F1a and a pistachio.',
)

const reply = lines(
  'Date: Mon, 06 Jan 2020 18:00:00 +0000',
  'From: Paco <paco@conformance.example>',
  'To: Ana Perez <ana@conformance.example>',
  'Message-ID: <reply@conformance.example>',
  'In-Reply-To: <plain@conformance.example>',
  'References: <plain@conformance.example>',
  'Subject: Re: Plain fixture',
  '',
  'I have seen it.',
)

const emptybody = lines(
  'Date: Sun, 12 Jan 2020 16:00:00 +0000',
  'From: ana@conformance.example',
  'To: paco@conformance.example',
  'Message-ID: <emptybody@conformance.example>',
  'Subject: Empty body',
  '',
)

const nosubject = lines(
  'Date: Mon, 13 Jan 2020 17:00:00 +0000',
  'From: ana@conformance.example',
  '',
  'No subject, no recipient.',
)

/** In the order of their message numbers: the first is 1. No message has \Deleted or \Draft but `encoded`, which has \Draft. */
export const CORPUS: readonly Fixture[] = [
  { name: 'plain', text: plain, flags: ['\\Seen'], date: '06-Jan-2020 10:11:13 +0000' },
  { name: 'multipart', text: multipart, flags: ['\\Flagged'], date: '07-Jan-2020 11:00:01 +0100' },
  { name: 'nested', text: nested, flags: ['\\Answered', '\\Seen'], date: '08-Jan-2020 12:00:02 -0500' },
  { name: 'eightbit', text: eightbit, flags: [], date: '09-Jan-2020 13:00:03 +0000' },
  { name: 'long', text: long, flags: [], date: '10-Jan-2020 14:00:04 +0000' },
  { name: 'encoded', text: encoded, flags: ['\\Draft'], date: '11-Jan-2020 15:00:05 +0000' },
  { name: 'reply', text: reply, flags: [], date: ' 6-Jan-2020 18:00:06 +0000' },
  { name: 'emptybody', text: emptybody, flags: [], date: '12-Jan-2020 16:00:07 +0000' },
  { name: 'nosubject', text: nosubject, flags: [], date: '13-Jan-2020 17:00:08 +0000' },
]

/** Of a fixture, by name. */
export const number = (name: string): number => CORPUS.findIndex((one) => one.name === name) + 1

export const fixture = (name: string): Fixture => CORPUS[number(name) - 1]!
