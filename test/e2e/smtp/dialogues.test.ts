// Every dialogue, in chunks of several cuts: the outcome never depends on how the octets arrive.
import { describe, expect, test } from 'vitest'
import { type Chunks, runDialogue } from '../../kit/dialogue.ts'
import { startSmtpService } from '../../kit/smtp-service.ts'
import { type Dialogue, dialogues } from './dialogues.ts'

const CUTS: readonly Chunks[] = ['whole', 'octets', 1, 2]

async function play(dialogue: Dialogue, chunks: Chunks): Promise<void> {
  const server = await startSmtpService(dialogue.options)
  try {
    const port = await server.listen(dialogue.service ?? 'smtp', dialogue.listener)
    await runDialogue(dialogue.transcript, { port, chunks, implicitTls: dialogue.implicitTls ?? false })
    expect(server.received.map((message) => message.text)).toEqual(dialogue.mail ?? [])
  } finally {
    await server.end()
  }
  expect(server.holders).toBe(0)
}

describe.each(CUTS)('octets cut: %s', (chunks) => {
  test.concurrent.each(dialogues.map((dialogue) => [dialogue.name, dialogue] as const))('%s', (_name, dialogue) =>
    play(dialogue, chunks),
  )
})
