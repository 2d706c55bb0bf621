// How many mails a second the outgoing client hands to smtp-sink over kept connections: `node test/bench/send.ts [mails] [connections]`.
import { systemClock } from '../../core/base/clock.ts'
import { silentLogger } from '../../core/base/log.ts'
import { parseAddress } from '../../core/message/address.ts'
import { memoryContent } from '../../core/message/content.ts'
import { defaultMailParameters } from '../../core/message/envelope.ts'
import { createSmtpClient } from '../../core/smtp-client/client.ts'
import { startSmtpSink } from '../kit/peers/smtp-sink.ts'

const ROUNDS = 5
const total = Number(process.argv[2] ?? 20_000)
const connections = Number(process.argv[3] ?? 20)
const line = 'A line of text as people write them, seventy-eight octets with its line end..\r\n'

function address(text: string) {
  const parsed = parseAddress(text)
  if (!parsed.ok) throw new Error(parsed.error)
  return parsed.value
}

async function measure(size: number): Promise<void> {
  const sink = await startSmtpSink()
  const client = createSmtpClient({ clock: systemClock, log: silentLogger, hostname: 'bench.test' })
  const head = 'From: a@bench.test\r\nTo: b@sink.test\r\nSubject: bench\r\n\r\n'
  const content = memoryContent(Buffer.from(head + line.repeat(Math.round((size - head.length) / line.length))))
  const hosts = [{ name: 'sink.test', addresses: ['127.0.0.1'], port: sink.port }]
  const destination = { key: 'sink.test', hosts, tls: 'may', auth: null, protocol: 'smtp' } as const
  const recipients = [{ address: address('b@sink.test'), notify: [], orcpt: null }]
  const mail = { reversePath: address('a@bench.test'), parameters: defaultMailParameters, recipients, content }
  const signal = new AbortController().signal
  const round = async () => {
    let started = 0
    const worker = async () => {
      while (started++ < total) {
        const { results } = await client.send(destination, mail, signal)
        if (results[0]?.kind !== 'sent') throw new Error(JSON.stringify(results))
      }
    }
    const from = performance.now()
    const cpu = process.cpuUsage()
    await Promise.all(Array.from({ length: connections }, worker))
    const { user, system } = process.cpuUsage(cpu)
    return { rate: (total * 1000) / (performance.now() - from), cpu: (user + system) / total }
  }
  await round()
  const rounds = []
  for (let i = 0; i < ROUNDS; i++) rounds.push(await round())
  const rates = rounds.map((one) => one.rate).sort((a, b) => a - b)
  const cpus = rounds.map((one) => one.cpu).sort((a, b) => a - b)
  const range = `${rates[0]!.toFixed(0)}-${rates[ROUNDS - 1]!.toFixed(0)}`
  const middle = Math.floor(ROUNDS / 2)
  console.log(
    `${content.size} octets, ${connections} connections: ${rates[middle]!.toFixed(0)}/s (${range}), ${cpus[middle]!.toFixed(0)} µs CPU each`,
  )
  await client.close()
  await sink.stop()
}

for (const size of [4096, 65_536]) await measure(size)
