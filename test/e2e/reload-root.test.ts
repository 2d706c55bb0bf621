// Started as root: a reload may bring addresses that only the broker can bind, and a server that dies is told by its exit code.
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createAuthority, writeCertificate } from '../kit/certificates.ts'
import { type RunningCommand, runBin, startBin } from '../kit/command.ts'
import { freePorts } from '../kit/free-port.ts'
import { SmtpTalk } from '../kit/smtp-talk.ts'

const isRoot = process.getuid?.() === 0
if (!isRoot) console.log('reload-root.test.ts: not run, it needs root (the broker binds ports)')

async function fingerprintAt(port: number): Promise<string> {
  const talk = await SmtpTalk.open(port)
  expect(await talk.ask('STARTTLS')).toMatch(/^220/)
  await talk.talker.startTls()
  const { fingerprint256 } = (talk.talker.socket as TLSSocket).getPeerCertificate()
  talk.close()
  return fingerprint256
}

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
        'plugins: { deliver-local: { systemMailbox: none } }',
        `listen: { smtp: [${ports.map((port) => `"127.0.0.1:${port}"`).join(', ')}] }`,
        '',
      ].join('\n'),
    )
  let ports: number[]
  let server: RunningCommand
  const child = (): number => Number(execFileSync('pgrep', ['-o', '-P', String(server.process.pid)]).toString())

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

  test('a certificate in a folder that only root may enter is used, and read anew', async () => {
    const own = join(folder, 'live')
    mkdirSync(own, { mode: 0o700 })
    const certify = async (): Promise<string> => {
      const pair = await (await createAuthority()).issue(['box.test'])
      writeCertificate(own, 'box', pair)
      return pair.fingerprint
    }
    const first = await certify()
    appendFileSync(config, 'tls: { cert: live/box.crt, key: live/box.key }\n')
    const reload = () => runBin('estafeta', ['--config', config, 'reload'])
    expect(await reload()).toMatchObject({ code: 0, stderr: '' })
    expect(await fingerprintAt(ports[0]!)).toBe(first)
    const second = await certify()
    expect(await reload()).toMatchObject({ code: 0, stderr: '' })
    expect(await fingerprintAt(ports[0]!)).toBe(second)
  })

  test('a stop of which both are told, as by Ctrl-C, lets the mail under way come in', async () => {
    const talk = await SmtpTalk.open(ports[0]!)
    for (const line of ['EHLO client.example.net', 'MAIL FROM:<nobody@box.test>', 'RCPT TO:<postmaster@box.test>'])
      expect(await talk.ask(line)).toMatch(/^250/)
    expect(await talk.ask('DATA')).toMatch(/^354/)
    const ended = new Promise((resolve) => server.process.on('close', resolve))
    process.kill(child(), 'SIGINT')
    server.process.kill('SIGINT')
    await server.printed(/stopping/)
    expect(await talk.ask('Subject: x\r\n\r\nx\r\n.')).toMatch(/^250/)
    expect(await ended).toBe(0)
    server = startBin('estafeta', ['--config', config, 'serve'])
    await server.printed(/started, version/)
  })

  test('a second word to stop ends it at once', async () => {
    const talk = await SmtpTalk.open(ports[0]!)
    await talk.ask('EHLO client.example.net')
    await talk.ask('MAIL FROM:<nobody@box.test>')
    const ended = new Promise((resolve) => server.process.on('close', resolve))
    server.process.kill('SIGTERM')
    await server.printed(/stopping/)
    server.process.kill('SIGTERM')
    expect(await ended).toBe(137)
    server = startBin('estafeta', ['--config', config, 'serve'])
    await server.printed(/started, version/)
  })

  test('an address that is taken is told as without the broker, and the old configuration stays', async () => {
    const other = createServer()
    await once(other.listen(0, '127.0.0.1'), 'listening')
    const { port } = other.address() as AddressInfo
    write([...ports, port])
    expect(await runBin('estafeta', ['--config', config, 'reload'])).toMatchObject({
      code: 75,
      stderr: expect.stringContaining(
        `smtp: cannot listen on 127.0.0.1:${port}: another program listens there already`,
      ),
    })
    await new Promise((resolve) => other.close(resolve))
    write(ports)
  })

  test('a server that is killed ends the broker with its signal', async () => {
    const ended = new Promise((resolve) => server.process.on('close', resolve))
    process.kill(child(), 'SIGKILL')
    expect(await ended).toBe(137)
    await server.printed(/the server was ended by SIGKILL/)
    server = startBin('estafeta', ['--config', config, 'serve'])
    await server.printed(/started, version/)
  })
})
