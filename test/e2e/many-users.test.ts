// Started as root: mail for more users than the broker keeps processes for. In a mount namespace with a user database of its own.
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTransport } from 'nodemailer'
import { expect, onTestFinished, test } from 'vitest'
import { BIN, startCommand } from '../kit/command.ts'
import { freePort } from '../kit/free-port.ts'
import { isRoot, makeSpool } from '../kit/user-site.ts'

if (!isRoot) console.log('many-users.test.ts: not run, it needs root (delivery under other ids)')

const COUNT = 70

test.runIf(isRoot)('one letter to all users of a machine reaches all of them at the first attempt', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'estafeta-many-'))
  chmodSync(folder, 0o755)
  const spool = makeSpool(folder)
  const users = Array.from({ length: COUNT }, (_, i) => `many${i}`)
  const entries = users.map((name, i) => `${name}:x:${70_000 + i}:${70_000 + i}::/nonexistent:/bin/sh\n`)
  const passwd = join(folder, 'passwd')
  writeFileSync(passwd, readFileSync('/etc/passwd', 'utf8') + entries.join(''))
  const port = await freePort()
  const config = join(folder, 'estafeta.yaml')
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
      `listen: { smtp: ["127.0.0.1:${port}"] }`,
      `plugins: { deliver-local: { mailSpool: ${spool} } }`,
    ].join('\n'),
  )
  const script = `mount --bind ${passwd} /etc/passwd && exec ${BIN}estafeta --config ${config} serve`
  const server = startCommand('unshare', ['--mount', '--', 'sh', '-c', script])
  onTestFinished(async () => {
    await server.stop()
    rmSync(folder, { recursive: true })
  })
  await server.printed(/started, version/)
  const transport = createTransport({ host: '127.0.0.1', port, ignoreTLS: true })
  const to = users.map((name) => `${name}@box.test`)
  await transport.sendMail({ from: 'many0@box.test', to, subject: 'to all', text: 'x' })
  await server.printed(/: removed/)
  expect(server.lines.filter((line) => line.includes('status=deferred'))).toEqual([])
  expect(readdirSync(spool).sort()).toEqual([...users].sort())
})
