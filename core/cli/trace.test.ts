import { expect, test } from 'vitest'
import { formatEvent } from './trace.ts'

test('an event is one line, whatever came from outside', () => {
  const line = formatEvent({ time: 0, event: 'hook', hook: 'message', plugin: 'x', detail: "has 'a\r\nb\x1b[2J'" })
  expect(line).toMatch(/message {2}x {2}has 'a\?b\?\[2J'$/)
})
