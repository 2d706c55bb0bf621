import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigError, testPlugin } from 'estafeta/testing'
import myPlugin from './index.ts'

test('refuses a subject with the word, in any letter case', async () => {
  const plugin = await testPlugin(myPlugin, { config: { word: 'prize' } })
  const seen = await plugin.message('Subject: A PRIZE for you\n\nHello!\n')
  assert.equal(seen.verdict, 'reject')
  assert.equal(seen.reply?.code, 550)
  await plugin.close()
})

test('marks what it lets pass', async () => {
  const plugin = await testPlugin(myPlugin)
  const seen = await plugin.message('Subject: Lunch?\n\nHello!\n')
  assert.equal(seen.verdict, 'pass')
  assert.match(seen.text, /^X-My-Plugin: passed\r\n/)
  await plugin.close()
})

test('wants a word', async () => {
  await assert.rejects(testPlugin(myPlugin, { config: { word: '' } }), ConfigError)
})
