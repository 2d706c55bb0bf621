// sendmail: where the header of what programs hand in ends.
import { expect, test } from 'vitest'
import { withHeader } from './sendmail.ts'

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
