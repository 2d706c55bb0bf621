// A plugin's error outside its hooks (a timer, a promise that nobody awaits) stops nothing.
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startBin } from '../kit/command.ts'
import { freePort } from '../kit/free-port.ts'
import { SmtpTalk } from '../kit/smtp-talk.ts'

const STRAY = `
import { definePlugin } from 'estafeta/plugin'
export default definePlugin({
  name: 'stray',
  description: 'fails where nobody looks',
  setup: () => ({
    helo() {
      setImmediate(() => { throw new Error('in a timer') })
      Promise.reject(new Error('in a promise'))
      return { kind: 'pass' as const }
    },
  }),
})
`

test('the server logs it and goes on', async () => {
  const ids = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {}
  const folder = mkdtempSync(join(tmpdir(), 'estafeta-stray-'))
  const port = await freePort()
  const config = join(folder, 'estafeta.yaml')
  writeFileSync(join(folder, 'stray.ts'), STRAY)
  writeFileSync(
    config,
    [
      'hostname: mx.estafeta.test',
      'data: data',
      'queue: { minFree: 0 }',
      `listen: { smtp: ["127.0.0.1:${port}"] }`,
      'plugins: { stray: { use: ./stray.ts, onError: pass } }',
      '',
    ].join('\n'),
  )
  chmodSync(folder, 0o755)
  if (ids.uid !== undefined) chownSync(folder, ids.uid, ids.gid)
  const server = startBin('estafeta', ['--config', config, 'serve'], ids)
  try {
    await server.printed(/started, version/)
    for (const name of ['one', 'two']) {
      const talk = await SmtpTalk.open(port)
      expect(await talk.ask(`EHLO ${name}.example.net`)).toMatch(/^250/)
      expect(await talk.ask('NOOP')).toMatch(/^250/)
      talk.close()
    }
    await server.printed(/error: thrown where nothing catches: in a timer, place=.*stray\.ts/)
    await server.printed(/error: a promise failed that nothing awaits: in a promise, place=.*stray\.ts/)
  } finally {
    expect(await server.stop()).toBe(0)
    rmSync(folder, { recursive: true })
  }
})
