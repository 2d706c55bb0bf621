// How many mails a second the outgoing client hands to smtp-sink over kept connections: `node test/bench/send.ts [mails] [connections]`.
import { systemClock } from '../../core/base/clock.ts'
import { silentLogger } from '../../core/base/log.ts'
import { createSmtpClient } from '../../core/smtp-client/client.ts'
import { destinationTo, neverAborted, outgoingMail } from '../kit/outgoing.ts'
import { startSmtpSink } from '../kit/peers/smtp-sink.ts'

const ROUNDS = 5
const total = Number(process.argv[2] ?? 20_000)
const connections = Number(process.argv[3] ?? 20)
const line = 'A line of text as people write them, seventy-eight octets with its line end..\r\n'

async function measure(size: number): Promise<void> {
  const sink = await startSmtpSink()
  const client = createSmtpClient({ clock: systemClock, log: silentLogger, hostname: 'bench.test' })
  const head = 'From: a@bench.test\r\nTo: b@sink.test\r\nSubject: bench\r\n\r\n'
  const text = head + line.repeat(Math.round((size - head.length) / line.length))
  const mail = outgoingMail({ text })
  const destination = destinationTo({ host: '127.0.0.1', port: sink.port })
  const round = async () => {
    let started = 0
    const worker = async () => {
      while (started++ < total) {
        const { results } = await client.send(destination, mail, neverAborted)
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
    `${text.length} octets, ${connections} connections: ${rates[middle]!.toFixed(0)}/s (${range}), ${cpus[middle]!.toFixed(0)} µs CPU each`,
  )
  await client.close()
  await sink.stop()
}

for (const size of [4096, 65_536]) await measure(size)
