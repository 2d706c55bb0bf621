// sendmail: where the header of what programs hand in ends, how their lines end, and to whom it goes.
import { expect, test } from 'vitest'
import { addressesIn, endLines, headerRecipients, withHeader } from './sendmail.ts'

const made = (text: string): string => withHeader(Buffer.from(text, 'latin1')).toString('latin1')

test('text without a header is the body', () => {
  expect(made('disk full\r\n')).toBe('\r\ndisk full\r\n')
  expect(made(' indented\r\nTo: not a field\r\n')).toBe('\r\n indented\r\nTo: not a field\r\n')
  expect(made('')).toBe('')
})

test('the first line that is no field ends the header', () => {
  expect(made('Subject: a\r\n b\r\nTo : x\r\nhello there\r\n\r\nend\r\n')).toBe(
    'Subject: a\r\n b\r\nTo : x\r\n\r\nhello there\r\n\r\nend\r\n',
  )
})

test('a whole message stays as it is', () => {
  for (const text of ['Subject: a\r\n\tb\r\n\r\nbody\r\n', 'Subject: a\r\n', '\r\nbody\r\n', 'X-1: a\r\n\r\n \r\n'])
    expect(made(text)).toBe(text)
})

test("a mailbox's From line goes", () => {
  expect(made('From ana Sun Nov 22 03:00:00 2026\r\nSubject: a\r\n\r\nbody\r\n')).toBe('Subject: a\r\n\r\nbody\r\n')
})

test('carriage returns end lines, as line feeds do; NULs go', () => {
  const ended = (text: string): string => endLines(Buffer.from(text, 'latin1')).toString('latin1')
  expect(ended('10%\r20%\r100%\ndone\r\r\nx\0y\r\n')).toBe('10%\r\n20%\r\n100%\r\ndone\r\nxy\r\n')
  expect(ended('no line end')).toBe('no line end\r\n')
  expect(ended('cut off\r')).toBe('cut off\r\n')
  expect(ended('')).toBe('')
})

test('an argument is a list of addresses, as a field is', () => {
  expect(addressesIn('ana,bob@out.test')).toEqual(['ana', 'bob@out.test'])
  expect(addressesIn('Ana T <ana@out.test>, friends: bob, "c d"@out.test;')).toEqual([
    'ana@out.test',
    'bob',
    '"c d"@out.test',
  ])
  expect(addressesIn('ana+x@out.test')).toEqual(['ana+x@out.test'])
  // told of as it was written
  expect(addressesIn('Ana Torre')).toEqual(['Ana Torre'])
  expect(addressesIn(Array(6000).fill('ana').join(','))).toHaveLength(6000)
})

test('what is sent again goes to those that a Resent field names', () => {
  const to = (header: string): string[] => headerRecipients(Buffer.from(header))
  expect(to('To: a\r\nCc: b\r\nBcc: c\r\n')).toEqual(['a', 'b', 'c'])
  expect(to('To: a\r\nResent-Bcc: b\r\nResent-From: c\r\n')).toEqual(['b'])
})
