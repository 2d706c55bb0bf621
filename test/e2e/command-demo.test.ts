// The demo with other ports: a reload, by signal or by command, keeps them, and what is running goes on.
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runBin, startBin } from '../kit/command.ts'
import { freeDemoOffset } from '../kit/free-port.ts'
import { SmtpTalk } from '../kit/smtp-talk.ts'

const SMTP_PORT = 2525

test('estafeta demo --port-offset keeps its ports when its configuration is read anew', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'estafeta-demo-'))
  const offset = await freeDemoOffset()
  const demo = startBin('estafeta', ['demo', '--folder', join(folder, 'demo'), '--port-offset', String(offset)])
  try {
    await demo.printed(/^Mail that fails on purpose/)
    const before = await SmtpTalk.open(SMTP_PORT + offset)
    demo.process.kill('SIGHUP')
    await demo.printed(/configuration read anew: generation 2/)
    const config = join(folder, 'demo', 'estafeta.yaml')
    expect(await runBin('estafeta', ['--config', config, 'reload'])).toMatchObject({
      code: 0,
      stdout: 'reloaded: generation 3\n',
    })
    const after = await SmtpTalk.open(SMTP_PORT + offset)
    for (const talk of [before, after]) {
      expect(await talk.send({ to: 'ana@estafeta.test' })).toMatch(/^250/)
      talk.close()
    }
    // nobody takes the folder from under it
    expect(await runBin('estafeta', ['demo', '--fresh', '--folder', join(folder, 'demo')])).toMatchObject({
      code: 69,
      stderr: expect.stringMatching(/another Estafeta is using it/),
    })
    expect(existsSync(config)).toBe(true)
  } finally {
    expect(await demo.stop()).toBe(0)
    rmSync(folder, { recursive: true })
  }
})
