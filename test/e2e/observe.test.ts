// A plugin that observes is told, while the server runs, all that goes into the trace; its own trouble stops nothing.
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startTestServer } from '../kit/server.ts'
import { sendRaw } from '../kit/smtp-send.ts'
import { queuedAs } from '../kit/smtp-talk.ts'

const OBSERVER = `
import { appendFileSync } from 'node:fs'
import { definePlugin, z } from 'estafeta/plugin'
export default definePlugin({
  name: 'observer',
  description: 'writes down what it hears',
  config: z.strictObject({ file: z.string().optional() }),
  setup: ({ config: { file } }) => ({
    async observe(event) {
      if (file === undefined) throw new Error('no web today')
      appendFileSync(file, JSON.stringify(event) + '\\n')
    },
  }),
})
`

test('observers hear of a message from its first hook to its delivery', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'estafeta-test-'))
  const use = join(folder, 'observer.ts')
  const file = join(folder, 'heard')
  writeFileSync(use, OBSERVER)
  const server = await startTestServer({
    folder,
    users: { 'ana@estafeta.test': 'secret' },
    config: {
      profile: 'internet-site',
      plugins: {
        'spf-dkim-dmarc': { enabled: false },
        broken: { use, onError: 'pass' },
        observer: { use, onError: 'pass', file },
      },
    },
  })
  try {
    const message = Buffer.from('Message-ID: <one@example.net>\r\nSubject: hello\r\n\r\nHello!\r\n')
    const mail = { port: server.port('smtp'), from: 'paco@example.net', to: 'ana@estafeta.test', message }
    const qid = queuedAs(await sendRaw(mail))
    await server.logged(new RegExp(`${qid}: removed`))
    const heard = readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(heard).toContainEqual(expect.objectContaining({ event: 'hook', hook: 'rcpt', plugin: 'users-file' }))
    expect(heard).toContainEqual(expect.objectContaining({ event: 'queued', qid, messageId: '<one@example.net>' }))
    expect(heard).toContainEqual(expect.objectContaining({ event: 'attempt', qid, verdict: 'sent' }))
    await server.logged(/plugin broken failed at observe, said once: .*no web today/)
    expect(server.lines.filter((line) => line.includes('no web today'))).toHaveLength(1)
  } finally {
    await server.end()
  }
})
