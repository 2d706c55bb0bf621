import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DotStuffer } from './dot-stuffer.ts'

function stuff(...chunks: (string | Buffer)[]): string {
  const stuffer = new DotStuffer()
  const parts = chunks.flatMap((chunk) => stuffer.push(Buffer.from(chunk as string, 'latin1')))
  return Buffer.concat([...parts, stuffer.end()]).toString('latin1')
}

test.each([
  ['nothing', '', '.\r\n'],
  ['a line', 'a\r\n', 'a\r\n.\r\n'],
  ['no last line end', 'a', 'a\r\n.\r\n'],
  ['a dot at the start', '.a\r\n', '..a\r\n.\r\n'],
  ['a lone dot', 'a\r\n.\r\nb\r\n', 'a\r\n..\r\nb\r\n.\r\n'],
  ['dots inside', 'a.b\r\n..\r\n', 'a.b\r\n...\r\n.\r\n'],
  ['bare LF', 'a\nb\n', 'a\r\nb\r\n.\r\n'],
  ['bare CR', 'a\rb\r', 'a\r\nb\r\n.\r\n'],
  ['smuggling by LF', 'a\n.\nMAIL FROM:<x>\n', 'a\r\n..\r\nMAIL FROM:<x>\r\n.\r\n'],
  ['smuggling by LF and CRLF', 'a\n.\r\nb', 'a\r\n..\r\nb\r\n.\r\n'],
  ['smuggling by CR', 'a\r.\rb', 'a\r\n..\r\nb\r\n.\r\n'],
  ['two CR', 'a\r\r\nb', 'a\r\n\r\nb\r\n.\r\n'],
])('%s', (_name, message, expected) => expect(stuff(message)).toBe(expected))

test.each([
  ['between CR and LF', ['a\r', '\n.b']],
  ['after the line end', ['a\r\n', '.b']],
  ['everywhere', ['a', '\r', '\n', '.', 'b']],
])('a cut %s', (_name, chunks) => expect(stuff(...chunks)).toBe('a\r\n..b\r\n.\r\n'))

/** What a server makes of it (RFC 5321 §4.5.2). */
const unstuff = (wire: string): string => wire.slice(0, -3).replace(/(^|\r\n)\.\./g, '$1.')

test('any message, in any pieces, comes back with its lines, and ends only at its end', () => {
  const text = fc.array(fc.constantFrom('a', '.', '\r', '\n', '\r\n', '\r\n.', '\xff'), { maxLength: 60 })
  fc.assert(
    fc.property(text, fc.array(fc.nat(5)), (pieces, sizes) => {
      const message = pieces.join('')
      const chunks: string[] = []
      let at = 0
      for (const size of sizes) {
        chunks.push(message.slice(at, at + size))
        at += size
      }
      const wire = stuff(...chunks, message.slice(at))
      const lines = message.replace(/\r\n|\r|\n/g, '\r\n')
      expect(unstuff(wire)).toBe(lines === '' || lines.endsWith('\r\n') ? lines : lines + '\r\n')
      expect(('\r\n' + wire).indexOf('\r\n.\r\n')).toBe(wire.length - 3)
      expect(wire).not.toMatch(/\r(?!\n)|(?<!\r)\n/)
    }),
    { numRuns: 500 },
  )
})
