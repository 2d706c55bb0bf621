import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Reply } from '../../base/failure.ts'
import { formatReply } from '../../message/reply.ts'
import { ReplyParser } from './reply-parser.ts'

function parse(text: string): Reply[] | string {
  const result = new ReplyParser().push(Buffer.from(text, 'latin1'))
  return result.ok ? result.value : result.error
}

test.each<[string, string, Reply]>([
  ['one line', '250 fine\r\n', { code: 250, enhanced: null, text: 'fine' }],
  ['an enhanced code', '550 5.1.1 <x>: no\r\n', { code: 550, enhanced: '5.1.1', text: '<x>: no' }],
  ['an enhanced code alone', '250 2.0.0\r\n', { code: 250, enhanced: '2.0.0', text: '' }],
  ['no text at all', '250\r\n', { code: 250, enhanced: null, text: '' }],
  ['a code of another class is text', '250 5.1.1 odd\r\n', { code: 250, enhanced: null, text: '5.1.1 odd' }],
  ['a number that is no code', '250 2.0.0.1 odd\r\n', { code: 250, enhanced: null, text: '2.0.0.1 odd' }],
  ['several lines', '550-5.7.1 a\r\n550 5.7.1 b\r\n', { code: 550, enhanced: '5.7.1', text: ['a', 'b'] }],
  ['a bare LF', '220 hi\n', { code: 220, enhanced: null, text: 'hi' }],
  ['the last line decides', '250-a\r\n550 b\r\n', { code: 550, enhanced: null, text: ['a', 'b'] }],
  ['control and 8-bit octets', '220 a\x00b\xff\tc\r\n', { code: 220, enhanced: null, text: 'a?b? c' }],
])('%s', (_name, text, expected) => expect(parse(text)).toEqual([expected]))

test.each([
  ['a web server', 'HTTP/1.1 400 Bad Request\r\n', 'malformed reply: HTTP/1.1 400 Bad Request'],
  ['a code that is none', '999 what\r\n', 'malformed reply: 999 what'],
  ['a wrong separator', '250_ok\r\n', 'malformed reply: 250_ok'],
  ['an endless line', `250 ${'x'.repeat(9000)}\r\n`, 'reply line too long'],
  ['an endless line without end', 'x'.repeat(9000), 'reply line too long'],
  ['endless lines', '250-x\r\n'.repeat(1001), 'reply has too many lines'],
])('refuses %s', (_name, text, error) => expect(parse(text)).toBe(error))

describe('memory', () => {
  test('a long reply keeps its first lines and the start of each', () => {
    const replies = parse('250-' + 'y'.repeat(5000) + '\r\n' + '250-x\r\n'.repeat(500) + '250 end\r\n')
    expect(replies).toHaveLength(1)
    const text = typeof replies === 'string' ? '' : replies[0]!.text
    expect(text).toHaveLength(100)
    expect(text[0]).toHaveLength(1000)
  })
})

test('says whether something unfinished waits', () => {
  const parser = new ReplyParser()
  parser.push(Buffer.from('250-a\r\n'))
  expect(parser.unfinished).toBe(true)
  parser.push(Buffer.from('250 b\r\n'))
  expect(parser.unfinished).toBe(false)
  parser.push(Buffer.from('2'))
  expect(parser.unfinished).toBe(true)
})

test('pieces of any size give the replies that the whole gives', () => {
  const reply = fc.record({
    code: fc.constantFrom(220, 250, 354, 421, 550),
    enhanced: fc.constantFrom(null, 'x'),
    text: fc.array(fc.stringMatching(/^([a-z<>@.][a-z<>@. ]{0,40})?$/), { minLength: 1, maxLength: 5 }),
  })
  fc.assert(
    fc.property(fc.array(reply, { minLength: 1, maxLength: 6 }), fc.array(fc.nat(30)), (made, sizes) => {
      const replies = made.map(({ code, enhanced, text }): Reply => {
        const status = enhanced === null || code === 354 ? null : `${String(code)[0]}.1.1`
        return { code, enhanced: status, text: text.length === 1 ? text[0]! : text }
      })
      const wire = Buffer.from(replies.map((one) => formatReply(one)).join(''))
      const parser = new ReplyParser()
      const parsed: Reply[] = []
      let at = 0
      for (const size of [...sizes, wire.length]) {
        const result = parser.push(wire.subarray(at, at + size))
        if (!result.ok) throw new Error(result.error)
        parsed.push(...result.value)
        at += size
      }
      expect(parsed).toEqual(replies)
    }),
  )
})
