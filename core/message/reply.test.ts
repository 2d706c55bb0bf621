// The whole catalogue: every reply obeys RFC 5321 §4.2 and RFC 3463, whatever text it is given.
import { describe, expect, test } from 'vitest'
import type { Reply } from '../base/failure.ts'
import { formatReply, replies, replyLine } from './reply.ts'

/** Arguments that fit every entry: a text, a number, a list of lines. */
const SAMPLES: readonly unknown[] = ['text', 42, ['one', 'two']]

function sample(make: (...args: never[]) => Reply): Reply {
  for (const argument of SAMPLES) {
    const reply = (make as (...args: unknown[]) => Reply)(argument, 'ESMTP')
    const lines = typeof reply.text === 'string' ? [reply.text] : reply.text
    if (Array.isArray(lines) && lines.every((line) => typeof line === 'string')) return reply
  }
  throw new Error('no sample fits')
}

/** A permanent answer to a temporary trouble, on purpose: mail that lay too long is returned (RFC 3463 §3.5). */
const MIXED_CLASS = new Set(['expired'])

const catalogue = Object.entries(replies).map(([name, make]) => [name, sample(make)] as const)

describe.each(catalogue)('%s', (name, reply) => {
  test('has a code of RFC 5321 §4.2 and text', () => {
    expect(reply.code).toBeGreaterThanOrEqual(211)
    expect(reply.code).toBeLessThan(560)
    expect([2, 3, 4, 5]).toContain(Math.floor(reply.code / 100))
    expect(replyLine(reply)).not.toMatch(/undefined|\[object|NaN/)
  })

  test('has an enhanced code of its own class (RFC 3463 §2), but where RFC 2034 §4 wants none', () => {
    const first = String(reply.code)[0]
    if (reply.enhanced === null) expect(['2', '3']).toContain(first)
    else {
      expect(reply.enhanced).toMatch(/^[245]\.\d{1,3}\.\d{1,3}$/)
      if (!MIXED_CLASS.has(name)) expect(reply.enhanced[0]).toBe(first)
    }
  })

  test('is ASCII, and each of its lines at most 512 octets (RFC 5321 §4.5.3.1.5)', () => {
    for (const wire of [formatReply(reply), formatReply(reply, false)]) {
      expect(wire).toMatch(/^(?:\d{3}[ -][ -~]*\r\n)+$/)
      for (const line of wire.split('\r\n')) expect(line.length + 2).toBeLessThanOrEqual(512)
    }
  })
})

test('several lines: the last alone has no hyphen, each has the status code (RFC 5321 §4.2.1, RFC 2034 §4)', () => {
  expect(formatReply({ code: 550, enhanced: '5.7.1', text: ['one', 'two', 'three'] })).toBe(
    '550-5.7.1 one\r\n550-5.7.1 two\r\n550 5.7.1 three\r\n',
  )
  expect(formatReply({ code: 550, enhanced: '5.7.1', text: 'one' }, false)).toBe('550 one\r\n')
})

test('no text can add a line, leave ASCII, or grow beyond 512 octets', () => {
  const evil = `x\r\n250 2.0.0 OK\r\n\u00e9\u{1f600}\0${'y'.repeat(1000)}`
  for (const text of [evil, [evil, evil]]) {
    const wire = formatReply({ code: 550, enhanced: '5.7.1', text })
    const lines = wire.split('\r\n').slice(0, -1)
    expect(lines).toHaveLength(Array.isArray(text) ? 2 : 1)
    for (const line of lines) {
      expect(line).toMatch(/^550[ -]5\.7\.1 [ -~]*$/)
      expect(line.length).toBe(510)
    }
  }
})
