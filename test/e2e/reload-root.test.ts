// Started as root: a reload may bring addresses that only the broker can bind, and a server that dies is told by its exit code.
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RunningCommand, runBin, startBin } from '../kit/command.ts'
import { freePorts } from '../kit/free-port.ts'
import { SmtpTalk } from '../kit/smtp-talk.ts'

const isRoot = process.getuid?.() === 0
if (!isRoot) console.log('reload-root.test.ts: not run, it needs root (the broker binds ports)')

describe.runIf(isRoot)('a server behind its broker', () => {
  const folder = mkdtempSync(join(tmpdir(), 'estafeta-broker-'))
  const config = join(folder, 'estafeta.yaml')
  const write = (ports: readonly number[]): void =>
    writeFileSync(
      config,
      [
        'profile: local-only',
        'hostname: box.test',
        'domains: [box.test]',
        'postmaster: nobody',
        'user: nobody',
        'data: data',
        'queue: { minFree: 0 }',
        `listen: { smtp: [${ports.map((port) => `"127.0.0.1:${port}"`).join(', ')}] }`,
        '',
      ].join('\n'),
    )
  let ports: number[]
  let server: RunningCommand

  beforeAll(async () => {
    chmodSync(folder, 0o755)
    ports = await freePorts(2)
    write(ports.slice(0, 1))
    server = startBin('estafeta', ['--config', config, 'serve'])
    await server.printed(/started, version/)
  })
  afterAll(async () => {
    await server.stop()
    rmSync(folder, { recursive: true })
  })

  test('an address that the reload brings is bound', async () => {
    write(ports)
    expect(await runBin('estafeta', ['--config', config, 'reload'])).toMatchObject({ code: 0, stderr: '' })
    for (const port of ports) {
      const talk = await SmtpTalk.open(port)
      expect(await talk.ask('NOOP')).toMatch(/^250/)
      talk.close()
    }
  })

  test('a server that is killed ends the broker with its signal', async () => {
    const child = Number(execFileSync('pgrep', ['-P', String(server.process.pid)]).toString())
    const ended = new Promise((resolve) => server.process.on('close', resolve))
    process.kill(child, 'SIGKILL')
    expect(await ended).toBe(137)
    server = startBin('estafeta', ['--config', config, 'serve'])
    await server.printed(/started, version/)
  })
})
