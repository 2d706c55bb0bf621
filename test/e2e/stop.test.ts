// The end of a server, asked for more than once.
import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { startTestServer } from '../kit/server.ts'

test('stop may be called again, meanwhile and afterwards', async () => {
  const server = await startTestServer()
  await Promise.all([server.stop(0), server.stop(0)])
  await server.stop(0)
  expect(server.lines.filter((line) => line.endsWith('stopped'))).toHaveLength(1)
  await server.end()
  expect(existsSync(server.folder)).toBe(false)
})
