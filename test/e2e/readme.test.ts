// The README's first letter: its lines are run as they stand, against the demo as `npm start` starts it, on other ports.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { BIN, type RunningCommand, runCommand, startBin } from '../kit/command.ts'
import { freeDemoOffset } from '../kit/free-port.ts'

let folder: string
let offset: number
let demo: RunningCommand

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'estafeta-readme-'))
  offset = await freeDemoOffset()
  demo = startBin('estafeta', ['demo', '--port-offset', String(offset)], { cwd: folder })
  await demo.printed(/started, version/)
})
afterAll(async () => {
  await demo.stop()
  rmSync(folder, { recursive: true })
})

/** A pasted line, its ports moved and `bin/` where the test can find it. */
const paste = (line: string) =>
  runCommand(
    '/bin/sh',
    [
      '-c',
      line
        .replace(/127\.0\.0\.1:(\d+)/g, (_, port) => `127.0.0.1:${Number(port) + offset}`)
        .replaceAll('bin/estafeta', `${BIN}estafeta`),
    ],
    { cwd: folder },
  )

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
const lines = [...readme.matchAll(/^\$ (.*)$/gm)].map((match) => match[1]!)

test('the lines of the transcript do what the README shows', async () => {
  expect(lines).toHaveLength(4)
  const [send, read, trace] = lines as [string, string, string]
  expect(await paste(send)).toEqual({ code: 0, stdout: '', stderr: '' })
  await demo.printed(/status=sent/)
  const letter = await paste(read)
  expect(letter.code).toBe(0)
  expect(letter.stdout).toMatch(/^Return-Path: <paco@estafeta\.test>\r\n/)
  expect(letter.stdout).toContain('\r\nSubject: The first letter\r\n\r\nHello Ana!\r\n')
  const story = await paste(trace)
  expect(story.stdout).toContain('deliver-local')
  expect(story.stdout).toMatch(/attempt {2}local {2}sent/)
})

test('the line for protocol people finds nothing to complain of in the demo', async () => {
  // the port stands beside its flag here
  const run = await paste(lines.at(-1)!.replace(/--port (\d+)/, (_, port) => `--port ${Number(port) + offset}`))
  expect(run).toMatchObject({ code: 0, stderr: '' })
  expect(run.stdout).toMatch(/^smtp at 127\.0\.0\.1:\d+: [1-9]\d* cases, [1-9]\d* pass, 0 fail, 0 warn/)
})

test('every line that the demo prints to paste works', async () => {
  const printed = demo.lines.filter((line) => /^ {2}(printf|curl|bin|\/|\.\.)/.test(line)).map((line) => line.trim())
  expect(printed.length).toBeGreaterThanOrEqual(5)
  for (const line of printed) {
    const run = await runCommand('/bin/sh', ['-c', line.replaceAll('bin/estafeta', `${BIN}estafeta`)], { cwd: folder })
    expect(run, line).toMatchObject({ code: 0, stderr: '' })
    if (line.startsWith('printf')) await demo.printed(/status=sent/)
  }
})
