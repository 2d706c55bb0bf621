import { expect, test } from 'vitest'
import { FakeClock } from './clock.ts'
import { createLogger } from './log.ts'

function logged(format: 'text' | 'json', tell: (log: ReturnType<typeof createLogger>) => void): string {
  let text = ''
  const log = createLogger({
    format,
    level: 'info',
    clock: new FakeClock(Date.UTC(2026, 10, 22, 1, 2, 3)),
    hostname: 'mx',
    write: (lines) => {
      text += lines
    },
  })
  tell(log)
  log.flush()
  return text
}

test('a text line has the head that mail administrators know, the queue id, and only the fields that the text does not say', () => {
  const text = logged('text', (log) => {
    const smtp = log.with({ component: 'smtp' })
    smtp.info('to=<a@b.test>, relay=mx[192.0.2.1]:25, status=sent (250 OK)', {
      qid: 'q1',
      relay: 'mx[192.0.2.1]:25',
      status: 'sent',
      ms: 3,
    })
    log.warn('disk is slow')
    log.debug('not shown')
  })
  expect(text.replace(/\[\d+\]:/g, '[pid]:').replace(/^\w+ .\d \d\d:\d\d:\d\d/gm, 'TIME')).toBe(
    'TIME mx estafeta/smtp[pid]: q1: to=<a@b.test>, relay=mx[192.0.2.1]:25, status=sent (250 OK), ms=3\nTIME mx estafeta/main[pid]: warning: disk is slow\n',
  )
})

test('text from outside cannot forge a line or reach the terminal', () => {
  const text = logged('text', (log) => log.info('helo=<x\r\nNov 22 forged>\u001b[2J', { user: 'a\nb' }))
  expect(text.split('\n')).toHaveLength(2)
  expect(text).toContain('helo=<x?Nov 22 forged>?[2J, user=a?b')
})

test('a JSON line carries time, level, event and every field', () => {
  const line = logged('json', (log) => log.with({ component: 'smtpd' }).error('x', { qid: 'q1', ms: 1.5 }))
  expect(JSON.parse(line)).toEqual({
    time: '2026-11-22T01:02:03.000Z',
    level: 'error',
    event: 'x',
    component: 'smtpd',
    qid: 'q1',
    ms: 1.5,
  })
})
