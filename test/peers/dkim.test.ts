// What dkim-sign signs verifies with mailauth, dkimpy, Mail::DKIM, and with opendkim behind Postfix; theirs verify with ours.
import { spawn } from 'node:child_process'
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { dkimVerify } from 'mailauth/lib/dkim/verify.js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../core/base/clock.ts'
import { CLOCK, SITE } from '../../core/plugin/contract.ts'
import * as plugin from '../../plugins/dkim-sign/index.ts'
import { EASY_CASES, HARD_CASES } from '../kit/dkim-cases.ts'
import { type DnsServer, startDnsServer } from '../kit/dns-server.ts'
import { nextDelivery } from '../kit/maildir.ts'
import { messageFacts } from '../kit/message-facts.ts'
import { startOpendkim } from '../kit/peers/opendkim.ts'
import { type Postfix, startPostfix } from '../kit/peers/postfix.ts'
import { needPackages } from '../kit/peers.ts'
import { askMessage, setUpPlugin } from '../kit/plugin-entry.ts'
import { testSite } from '../kit/site.ts'
import { sendRaw } from '../kit/smtp-send.ts'

const CASES = { ...EASY_CASES, ...HARD_CASES }
const publish = (key: KeyObject) => {
  const der = createPublicKey(key).export({ type: 'spki', format: 'der' })
  const bare = key.asymmetricKeyType === 'ed25519' ? der.subarray(-32) : der
  return `v=DKIM1; k=${key.asymmetricKeyType}; p=${bare.toString('base64')}`
}

let data: string
let dns: DnsServer
let records: { [name: string]: string }
const signedBy: { [selector: string]: { [name: string]: Buffer } } = {}

/** Signs every case with the keys of a folder that has just these. */
async function signAll(name: string, keys: { [selector: string]: KeyObject }): Promise<{ [name: string]: Buffer }> {
  const folder = join(data, name)
  mkdirSync(join(folder, 'dkim/estafeta.test'), { recursive: true })
  for (const [selector, key] of Object.entries(keys))
    writeFileSync(join(folder, `dkim/estafeta.test/${selector}.pem`), key.export({ type: 'pkcs8', format: 'pem' }), {
      mode: 0o600,
    })
  const hooks = await setUpPlugin(plugin, {}, [
    [CLOCK, systemClock],
    [SITE, testSite(folder)],
  ])
  const signed: { [name: string]: Buffer } = {}
  for (const [title, message] of Object.entries(CASES)) {
    const { add = [] } = await askMessage(hooks, messageFacts(message, { trusted: true }))
    expect(add).toHaveLength(Object.keys(keys).length)
    signed[title] = Buffer.concat([...add.map((f) => Buffer.from(`${f.name}: ${f.value}\r\n`)), message])
  }
  return signed
}

const encoded = (messages: { [name: string]: Buffer }) =>
  Object.fromEntries(Object.entries(messages).map(([name, message]) => [name, message.toString('base64')]))

/** Runs a script with JSON in and out; not synchronously, since it asks the DNS server of this process. */
async function ask(interpreter: string, script: string, input: object): Promise<unknown> {
  const child = spawn(interpreter, [fileURLToPath(new URL(script, import.meta.url))], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  child.stdin.end(JSON.stringify(input))
  return json(child.stdout)
}

const everyCase = <T>(value: T) => Object.fromEntries(Object.keys(CASES).map((name) => [name, value]))

beforeAll(async () => {
  await needPackages(['python3-dkim', 'libmail-dkim-perl'])
  data = mkdtempSync(join(tmpdir(), 'estafeta-dkim-'))
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  const ed25519 = generateKeyPairSync('ed25519').privateKey
  records = {
    'rsa1._domainkey.estafeta.test': publish(rsa),
    'ed1._domainkey.estafeta.test': publish(ed25519),
  }
  dns = await startDnsServer(Object.fromEntries(Object.entries(records).map(([name, txt]) => [name, { TXT: [txt] }])))
  signedBy.rsa = await signAll('rsa', { rsa1: rsa })
  signedBy.both = await signAll('both', { ed1: ed25519, rsa1: rsa })
})
afterAll(async () => {
  await dns.close()
  rmSync(data, { recursive: true, force: true })
})

describe('dkim-sign, verified elsewhere', () => {
  test('by dkimpy: both signatures of every case', async () => {
    const input = { records, signatures: 2, messages: encoded(signedBy.both!) }
    expect(await ask('/usr/bin/python3', 'dkim-verify.py', input)).toEqual(everyCase([true, true]))
  })

  test('by Mail::DKIM, which knows RSA alone', async () => {
    const input = { dns: dns.port, messages: encoded(signedBy.rsa!) }
    expect(await ask('/usr/bin/perl', 'dkim-verify.pl', input)).toEqual(everyCase(['pass rsa-sha256']))
  })
})

describe('dkim-sign and opendkim', () => {
  /** Postfix itself changes or refuses these before its milters see them. */
  const CHANGED_BY_POSTFIX = new Set(['NUL octets', 'a bare CR in the body', '20,000 spaces before a letter'])

  test('opendkim behind Postfix verifies every case that Postfix leaves as it is', async () => {
    const opendkim = await startOpendkim({ mode: 'verify', dnsPort: dns.port })
    const postfix = await milterPostfix(opendkim.port)
    const results: { [name: string]: string } = {}
    for (const [name, message] of Object.entries(signedBy.rsa!)) {
      if (CHANGED_BY_POSTFIX.has(name)) continue
      const reply = await sendRaw({ port: postfix.port, from: 'a@sender.test', to: 'paco@peer.test', message })
      expect(reply).toMatch(/^250 /)
      results[name] = dkimResult(await nextDelivery(postfix.maildir('paco@peer.test')))
    }
    const expected = everyCase('pass')
    for (const name of CHANGED_BY_POSTFIX) delete expected[name]
    expect(results).toEqual(expected)
    await postfix.stop()
    await opendkim.stop()
  })

  test('what opendkim signs, mailauth verifies', async () => {
    const keyFile = join(data, 'rsa/dkim/estafeta.test/rsa1.pem')
    const opendkim = await startOpendkim({ mode: 'sign', domain: 'estafeta.test', selector: 'rsa1', keyFile })
    const postfix = await milterPostfix(opendkim.port)
    const message = EASY_CASES['trailing white space']!
    await sendRaw({ port: postfix.port, from: 'a@estafeta.test', to: 'paco@peer.test', message })
    const { results } = await dkimVerify(
      (await nextDelivery(postfix.maildir('paco@peer.test'))).replace(/\r?\n/g, '\r\n'),
      {
        resolver: async (name) => [[records[name]!]],
        strict: true,
      },
    )
    expect(results.map((r) => r.status.result)).toEqual(['pass'])
    await postfix.stop()
    await opendkim.stop()
  })
})

const milterPostfix = (port: number): Promise<Postfix> =>
  startPostfix({
    mailboxes: ['paco@peer.test'],
    main: {
      smtpd_milters: `inet:127.0.0.1:${port}`,
      milter_default_action: 'tempfail',
      message_size_limit: 0,
      // no field of its own that would break or repeat what is under test
      always_add_missing_headers: 'no',
    },
  })

const dkimResult = (mail: string): string =>
  /^Authentication-Results: verifier\.test;\s+dkim=(\w+)/m.exec(mail)?.[1] ?? mail
