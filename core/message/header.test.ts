import { expect, test } from 'vitest'
import {
  fieldsEnd,
  formatField,
  type HeaderField,
  mayHaveField,
  parseHeader,
  parseHeaderText,
  withoutField,
} from './header.ts'

const parsed = (text: string) => parseHeader(Buffer.from(text, 'latin1'))

test('fields have names, unfolded values and their place; what is no field is skipped', () => {
  const text =
    'Subject: one\r\n two \r\nno field\r\n: none\r\nbad name: none\r\nX-\xe9: none\r\nTo :\tana\nLast:\r\n\r\nBody: none\r\n'
  const header = parsed(text)
  expect(header.fields.map(({ name, value }) => [name, value])).toEqual([
    ['Subject', 'one two'],
    ['To', 'ana'],
    ['Last', ''],
  ])
  for (const { name, start, end } of header.fields)
    expect(text.slice(start, end)).toMatch(new RegExp(`^${name}.*\n$`, 's'))
  expect(header.get('SUBJECT')).toBe('one two')
  expect(header.get('Body')).toBeNull()
  expect(fieldsEnd(header)).toBe(text.indexOf('no field'))
})

test('texts are seen as the one header that they make, each with its own fields', () => {
  const [before, block] = ['Received: from a\r\n\tby b\r\n', 'Subject: one\r\n two\r\nTo: ana\r\n\r\n']
  const seen = ({ name, value, start, end }: HeaderField) => ({ name, value, start, end })
  const together = parsed(before + block)
  expect(parseHeaderText(before, block).fields.map(seen)).toEqual(together.fields.map(seen))
  expect(together.fields).toHaveLength(3)
  const apart = parseHeaderText(before, ' not of Received\r\nTo: ana\r\n')
  expect(apart.get('received')).toBe('from a\tby b')
  expect(fieldsEnd(apart)).toBe(before.length)
})

test('a field goes with all its lines, wherever it stands and however it is written', () => {
  const block = Buffer.from('return-path : <a>\r\n b\r\nX-Return-Path: c\r\nTo: Return-Path: d\r\nRETURN-PATH: <e>\r\n')
  expect(withoutField(block, 'return-path').toString()).toBe('X-Return-Path: c\r\nTo: Return-Path: d\r\n')
  expect(withoutField(block, 'sender')).toBe(block)
})

test('a field that is not there is known from the beginnings of the lines', () => {
  const has = (text: string) => mayHaveField(Buffer.from(text), 'to')
  expect(['To: a\r\n', 'X: a\r\nTO :b\r\n', 'X: a\nto: b', 'to'].filter(has)).toHaveLength(4)
  expect(['', 'T', 'X: a\r\n', 'X: to: a\r\n To: b\r\n\r\n', 'X: a\r\nT'].filter(has)).toEqual([])
})

test('a mebibyte of lines without a colon is looked through once', () => {
  const header = parsed(`${'x\r\n'.repeat(350_000)}To: ana\r\n`)
  expect(header.all('to')).toEqual(['ana'])
})

test('values are text, whatever octets they stand in: UTF-8, else windows-1252', () => {
  const header = parsed('A: caf\xc3\xa9\r\nB: caf\xe9 \x80\r\n')
  expect(header.fields.map(({ value }) => value)).toEqual(['café', 'café €'])
})

test('a value that is read and written again is the same text', () => {
  const block = 'Subject: caf\xc3\xa9\r\n'
  expect(formatField('Subject', parsed(block).get('subject')!).toString('latin1')).toBe(block)
})

test.each([
  ['short', 'two words', 'X: two words\r\n'],
  ['folded', 'a\r\n b\n\tc', 'X: a\r\n b\r\n\tc\r\n'],
  ['a line end that folds nothing', 'a\r\nBcc: b\rc\nd', 'X: a Bcc: b c d\r\n'],
  ['an empty line', 'a\r\n\r\n body', 'X: a \r\n body\r\n'],
  ['a line of white space', 'a\r\n \r\n\t\r\n b\r\n ', 'X: a\r\n b\r\n'],
  ['a NUL', 'a\0b', 'X: a?b\r\n'],
  [
    'long, with spaces',
    `${'w'.repeat(990)} ${'v'.repeat(990)} u`,
    `X: ${'w'.repeat(990)}\r\n ${'v'.repeat(990)} u\r\n`,
  ],
  ['long, without', 'w'.repeat(1000), `X: ${'w'.repeat(995)}\r\n ${'w'.repeat(5)}\r\n`],
])('a field with a value that is %s', (_, value, field) => {
  expect(formatField('X', value).toString()).toBe(field)
})

test('a long word is broken between characters', () => {
  const lines = formatField('X', 'é'.repeat(1200)).toString().split('\r\n')
  expect(lines.join('').replaceAll(' ', '')).toBe(`X:${'é'.repeat(1200)}`)
  for (const line of lines) expect(Buffer.byteLength(line)).toBeLessThanOrEqual(998)
})
