// sendmail's flags: the ways in which programs write them.
import { expect, test } from 'vitest'
import { readFlags } from './sendmail-flags.ts'

test('flags stand alone, in bundles, and with their value attached or behind', () => {
  expect(readFlags(['-ti', '-fana@out.test', '-FAna', 'bob'])).toMatchObject({
    fromHeader: true,
    ignoreDots: true,
    sender: 'ana@out.test',
    fullName: 'Ana',
    recipients: ['bob'],
  })
  expect(readFlags(['-oi', '-f', 'ana', '-itF', 'Ana T', '--', '-odd'])).toMatchObject({
    fromHeader: true,
    ignoreDots: true,
    sender: 'ana',
    fullName: 'Ana T',
    recipients: ['-odd'],
  })
  expect(readFlags(['-f', '']).sender).toBe('')
  expect(readFlags(['-b', 's']).mode).toBe('smtp')
})

test('flags that mean nothing here are taken, with their values', () => {
  const args = ['-oem', '-odi', '-o', 'em', '-e', 'm', '-B8BITMIME', '-B', '7BIT', '-Ac', '-G', '-vn', '-d0', 'ana']
  expect(readFlags(args)).toMatchObject({ mode: 'send', ignoreDots: false, fromHeader: false, recipients: ['ana'] })
})

test('what nobody would understand is refused', () => {
  for (const [args, why] of [
    [['-Z'], 'unknown option -Z'],
    [['-tZ'], 'unknown option -Z'],
    [['-bt'], 'unknown option -bt'],
    [['-bd'], /estafeta serve/],
    [['-f'], 'option -f wants a value'],
    [['-N', 'sometimes'], /-N does not take 'sometimes'/],
    [['-Rhalf'], /-R does not take 'half'/],
  ] as const)
    expect(() => readFlags(args)).toThrow(why)
})

test('-q asks for all, for one message, or for what goes to a domain or comes from an address', () => {
  expect(readFlags(['-q'])).toMatchObject({ mode: 'flush', flush: [] })
  expect(readFlags(['-q30m'])).toMatchObject({ mode: 'flush', flush: [] })
  expect(readFlags(['-qI06h33ccdgq0csj1j']).flush).toEqual(['06h33ccdgq0csj1j'])
  expect(readFlags(['-qRout.test']).flush).toEqual(['--recipient', '@out.test'])
  expect(readFlags(['-qSana@out.test']).flush).toEqual(['--sender', 'ana@out.test'])
})
