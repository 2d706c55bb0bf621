// Asks for a password without showing it: from the terminal, twice, or one line of the standard input.
import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { CliError, EX } from './context.ts'

export async function readPassword(fromStdin: boolean): Promise<string> {
  const password = fromStdin ? await firstLine() : await askTwice()
  if (password === '') throw new CliError('a password cannot be empty', EX.data)
  return password
}

async function firstLine(): Promise<string> {
  const lines = createInterface({ input: process.stdin })
  for await (const line of lines) {
    lines.close()
    return line
  }
  return ''
}

async function askTwice(): Promise<string> {
  if (!process.stdin.isTTY) throw new CliError('no terminal to ask for a password: use --password-stdin', EX.usage)
  const password = await ask('Password: ')
  if (password !== (await ask('Again: '))) throw new CliError('the two passwords differ', EX.data)
  return password
}

/** What is typed goes nowhere but into the answer. */
async function ask(prompt: string): Promise<string> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: process.stdin, output: nowhere, terminal: true })
  process.stderr.write(prompt)
  try {
    return await lines.question('')
  } catch (error) {
    throw new CliError((error as Error).message, EX.tempFail)
  } finally {
    lines.close()
    process.stderr.write('\n')
  }
}
