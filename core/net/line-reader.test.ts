import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { type Line, LineReader, type LineReaderOptions } from './line-reader.ts'

const strict: LineReaderOptions = { maxLine: 20, acceptBareLineFeed: false }

function readerOn(stream: PassThrough, options = strict): { reader: LineReader; lines: () => string[] } {
  const reader = new LineReader(stream as unknown as Socket, { readable() {}, ended() {} }, options)
  const show = (line: Line): string => (typeof line === 'string' ? `!${line}` : line.toString('latin1'))
  return {
    reader,
    lines() {
      const all: string[] = []
      for (let line = reader.line(); line !== null; line = reader.line()) all.push(show(line))
      return all
    },
  }
}

const feed = async (stream: PassThrough, chunks: string[]): Promise<void> => {
  for (const chunk of chunks) {
    stream.write(Buffer.from(chunk, 'latin1'))
    await new Promise(setImmediate)
  }
}

const cases: [string, string, string[]][] = [
  ['lines end at CRLF', 'EHLO a\r\nNOOP\r\n', ['EHLO a', 'NOOP']],
  ['an empty line is a line', '\r\n', ['']],
  ['a bare line feed is reported', 'NOOP\nNOOP\r\n', ['!bareLineFeed', 'NOOP']],
  ['a bare carriage return stays in the line', 'A\rB\r\n', ['A\rB']],
  ['a line of exactly the limit passes', 'x'.repeat(20) + '\r\n', ['x'.repeat(20)]],
  ['a line over the limit is reported once', 'x'.repeat(21) + '\r\nNOOP\r\n', ['!tooLong', 'NOOP']],
  ['a line far over the limit is reported once', 'x'.repeat(70_000) + '\r\nNOOP\r\n', ['!tooLong', 'NOOP']],
  ['what has no end waits', 'NOOP\r\nRSE', ['NOOP']],
]

describe('the head of a line that was too long', () => {
  for (const size of [1, 7, 1000])
    test(`stays known, in chunks of ${size}`, async () => {
      const stream = new PassThrough()
      const { reader, lines } = readerOn(stream, { maxLine: 300, acceptBareLineFeed: true })
      const heads: string[] = []
      for (const line of [`tag1 ${'x'.repeat(400)}\r\n`, `tag2 ${'y'.repeat(296)}\n`, `tag3 ${'z'.repeat(900)}\r\n`]) {
        for (let at = 0; at < line.length; at += size) {
          stream.write(Buffer.from(line.slice(at, at + size)))
          if (lines().length > 0) heads.push(reader.tooLongHead.toString())
        }
      }
      expect(heads).toEqual([`tag1 ${'x'.repeat(251)}`, `tag2 ${'y'.repeat(251)}`, `tag3 ${'z'.repeat(251)}`])
    })
})

describe('lines', () => {
  for (const [name, input, expected] of cases) {
    test(`${name}, in one chunk`, async () => {
      const stream = new PassThrough()
      const { lines } = readerOn(stream)
      await feed(stream, [input])
      expect(lines()).toEqual(expected)
    })
    test(`${name}, octet by octet`, async () => {
      const stream = new PassThrough()
      const { lines } = readerOn(stream)
      const got: string[] = []
      for (const octet of input.slice(0, 200)) {
        stream.write(Buffer.from(octet, 'latin1'))
        got.push(...lines())
      }
      for (let at = 200; at < input.length; at += 1000) {
        stream.write(Buffer.from(input.slice(at, at + 1000), 'latin1'))
        got.push(...lines())
      }
      expect(got).toEqual(expected)
    })
  }

  test('a bare line feed ends a line where that is allowed', async () => {
    const stream = new PassThrough()
    const { lines } = readerOn(stream, { maxLine: 20, acceptBareLineFeed: true })
    await feed(stream, ['NOOP\nRSET\r\n'])
    expect(lines()).toEqual(['NOOP', 'RSET'])
  })
})

describe('raw octets', () => {
  test('take gives what follows a line, unread gives the rest back', async () => {
    const stream = new PassThrough()
    const { reader, lines } = readerOn(stream)
    await feed(stream, ['DATA\r\nbody.QUIT\r\n'])
    expect(String(reader.line())).toBe('DATA')
    const chunk = reader.take()!
    expect(chunk.toString()).toBe('body.QUIT\r\n')
    reader.unread(chunk.subarray(5))
    expect(reader.buffered).toBe(6)
    expect(lines()).toEqual(['QUIT'])
    expect(reader.buffered).toBe(0)
  })

  test('take gives no more than it was asked for', async () => {
    const stream = new PassThrough()
    const { reader } = readerOn(stream)
    await feed(stream, ['abcdef'])
    expect(String(reader.take(4))).toBe('abcd')
    expect(String(reader.take(4))).toBe('ef')
    expect(reader.take(4)).toBeNull()
  })

  test('take gives the start of a line that was looked at before', async () => {
    const stream = new PassThrough()
    const { reader } = readerOn(stream)
    await feed(stream, ['abc'])
    expect(reader.line()).toBeNull()
    expect(String(reader.take(2))).toBe('ab')
    expect(String(reader.take(2))).toBe('c')
  })
})

test('detach drops all that was sent before the upgrade', async () => {
  const stream = new PassThrough()
  const { reader, lines } = readerOn(stream)
  await feed(stream, ['STARTTLS\r\nMAIL FROM:<a@b>\r\nRC'])
  expect(String(reader.line())).toBe('STARTTLS')
  stream.write('PT TO:<c@d>\r\n')
  expect(reader.detach()).toBeGreaterThanOrEqual('MAIL FROM:<a@b>\r\nRC'.length)
  const next = new PassThrough()
  reader.attach(next as unknown as Socket)
  await feed(next, ['EHLO new\r\n'])
  expect(lines()).toEqual(['EHLO new'])
})

test('a peer whose lines nobody pulls is stopped, and flows again when they are pulled', async () => {
  let taken = 0
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect((server.address() as { port: number }).port, '127.0.0.1')
  const [socket] = (await once(server, 'connection')) as [Socket]
  let readable = (): void => {}
  const reader = new LineReader(socket, { readable: () => readable(), ended() {} }, strict)
  const total = 20 * 1024 * 1024
  client.write(Buffer.alloc(total, 'x'))
  await new Promise<void>((resolve) => {
    readable = () => reader.buffered > 65_536 && resolve()
  })
  expect(socket.isPaused()).toBe(true)
  expect(reader.buffered).toBeLessThan(200_000)
  await new Promise<void>((resolve) => {
    const pull = (): void => {
      for (let chunk = reader.take(); chunk !== null; chunk = reader.take()) taken += chunk.length
      if (taken === total) resolve()
    }
    readable = pull
    pull()
  })
  expect(taken).toBe(total)
  client.destroy()
  socket.destroy()
  server.close()
})
