import { describe, expect, test } from 'vitest'
import { contentBytes, memoryContent } from './content.ts'
import { toSevenBit } from './seven-bit.ts'

const lines = (...texts: string[]): string => texts.map((text) => `${text}\r\n`).join('')

/** The converted message, one octet a char; null when it cannot be converted. */
async function converted(message: string): Promise<string | null> {
  const content = await toSevenBit(memoryContent(Buffer.from(message, 'utf8')))
  return content === null ? null : (await contentBytes(content)).toString('latin1')
}

describe('a message for a server without 8BITMIME', () => {
  test('of 7 bits stays as it is', async () => {
    const content = memoryContent(Buffer.from(lines('Subject: x', 'Content-Transfer-Encoding: 8bit', '', 'a = b ')))
    expect(await toSevenBit(content)).toBe(content)
  })

  test('text becomes quoted-printable', async () => {
    const header = ['Subject: x', 'MIME-Version: 1.0', 'Content-Type: text/plain;', '\tcharset=utf-8']
    const message = lines(
      ...header,
      'Content-Transfer-Encoding:',
      ' 8bit',
      'To: b@there.test',
      '',
      'grün = 1 ',
      '',
      '.',
    )
    expect(await converted(message)).toBe(
      lines(
        ...header,
        'To: b@there.test',
        'Content-Transfer-Encoding: quoted-printable',
        '',
        'gr=C3=BCn =3D 1=20',
        '',
        '.',
      ),
    )
  })

  test('without MIME it becomes MIME of an unknown charset', async () => {
    expect(await converted(lines('Subject: x', '', 'grün'))).toBe(
      lines(
        'Subject: x',
        'MIME-Version: 1.0',
        'Content-Type: text/plain; charset=unknown-8bit',
        'Content-Transfer-Encoding: quoted-printable',
        '',
        'gr=C3=BCn',
      ),
    )
  })

  test('of several parts: text and octets are encoded, what has 7 bits is not touched', async () => {
    const message = lines(
      'MIME-Version: 1.0',
      'Content-Type: multipart/mixed; boundary=b',
      'Content-Transfer-Encoding: 8bit',
      '',
      'vorspänn',
      '--b',
      'Content-Type: application/x',
      'Content-Transfer-Encoding: binary',
      '',
      'ä',
      '--b',
      '',
      'ascii = ascii',
      '--b',
      'Content-Type: message/rfc822',
      '',
      'Subject: inner',
      '',
      'ö',
      '--b--',
    )
    expect(await converted(message)).toBe(
      lines(
        'MIME-Version: 1.0',
        'Content-Type: multipart/mixed; boundary=b',
        'Content-Transfer-Encoding: 7bit',
        '',
        'vorsp??nn',
        '--b',
        'Content-Type: application/x',
        'Content-Transfer-Encoding: base64',
        '',
        'w6Q=',
        '--b',
        '',
        'ascii = ascii',
        '--b',
        'Content-Type: message/rfc822',
        'Content-Transfer-Encoding: 7bit',
        '',
        'Subject: inner',
        'Content-Type: text/plain; charset=unknown-8bit',
        'Content-Transfer-Encoding: quoted-printable',
        '',
        '=C3=B6',
        '--b--',
      ),
    )
  })

  test('no line is longer than 76 octets, and decoding gives the text back', async () => {
    const text = Array.from({ length: 200 }, (_, n) => `${'x'.repeat(n)}ü=${'é'.repeat(n % 50)} `).join('\r\n')
    const message = await converted(`Content-Type: text/plain; charset=utf-8\r\n\r\n${text}\r\n`)
    const body = message!.slice(message!.indexOf('\r\n\r\n') + 4)
    expect(Math.max(...body.split('\r\n').map((line) => line.length))).toBeLessThanOrEqual(76)
    const decoded = body
      .replace(/=\r\n/g, '')
      .replace(/=([0-9A-F]{2})/g, (_, digits) => String.fromCharCode(Number.parseInt(digits, 16)))
    expect(Buffer.from(decoded, 'latin1').toString('utf8')).toBe(`${text}\r\n`)
  })

  test('what no encoding helps stays: header fields of parts, and parts that say they are encoded', async () => {
    const encoded = lines('Content-Transfer-Encoding: base64', '', 'ä')
    expect(await converted(encoded)).toBe(Buffer.from(encoded, 'utf8').toString('latin1'))
    const message = lines(
      'Content-Type: multipart/mixed; boundary=b',
      '',
      '--b',
      'Content-Type: text/plain; name=Ä',
      '',
      'ö',
      '--b--',
    )
    expect(await converted(message)).toBe(
      lines(
        'Content-Type: multipart/mixed; boundary=b',
        'MIME-Version: 1.0',
        'Content-Transfer-Encoding: 7bit',
        '',
        '--b',
        'Content-Type: text/plain; name=Ã\u0084',
        'Content-Transfer-Encoding: quoted-printable',
        '',
        '=C3=B6',
        '--b--',
      ),
    )
  })

  test('message/global may be encoded as a whole (RFC 6532 §3.7), other than message/rfc822', async () => {
    const inner = lines('Subject: grüß', '', 'ä')
    const message = (type: string): string =>
      lines(
        'Content-Type: multipart/report; boundary=b',
        '',
        '--b',
        `Content-Type: message/${type}`,
        '',
        `${inner}--b--`,
      )
    const encoded = Buffer.from(inner.slice(0, -2)).toString('base64')
    expect(await converted(message('global'))).toContain(
      lines('Content-Type: message/global', 'Content-Transfer-Encoding: base64', '', encoded, '--b--'),
    )
    expect(await converted(message('rfc822'))).toContain(
      lines(
        'Content-Type: message/rfc822',
        'Content-Transfer-Encoding: 7bit',
        '',
        Buffer.from('Subject: grüß').toString('latin1'),
        'Content-Type: text/plain; charset=unknown-8bit',
        'Content-Transfer-Encoding: quoted-printable',
        '',
        '=C3=A4',
        '--b--',
      ),
    )
  })

  test('very large ones are not converted', async () => {
    expect(await converted(`Subject: x\r\n\r\n${'ä\r\n'.repeat(5 << 20)}`)).toBeNull()
  })
})
