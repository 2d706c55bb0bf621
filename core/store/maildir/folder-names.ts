// Where Maildir++ keeps things: accounts as folders of the mail directory, mailboxes as `.Level.Level` in modified UTF-7.
import { badMailboxName } from '../errors.ts'
import { INBOX, mailboxName } from '../names.ts'

/** RFC 9051 Appendix A: printable ASCII as it is, `&` as `&-`, all else as base64 of UTF-16. */
export function encodeUtf7(text: string): string {
  return text.replace(/&|[^\x20-\x7e]+/g, (run) => {
    if (run === '&') return '&-'
    const utf16 = Buffer.from(run, 'utf16le').swap16()
    return `&${utf16.toString('base64').replace(/=+$/, '').replaceAll('/', ',')}-`
  })
}

export function decodeUtf7(text: string): string {
  return text.replace(/&([A-Za-z0-9+,]*)-/g, (_, coded: string) => {
    if (coded === '') return '&'
    const octets = Buffer.from(coded.replaceAll(',', '/'), 'base64')
    return Buffer.from(octets.subarray(0, octets.length & ~1))
      .swap16()
      .toString('utf16le')
  })
}

/** A dot parts levels in Maildir++, so a dot within a level is coded though it is printable. */
const CODED_DOT = '&AC4-'
const MAX_DIRECTORY = 250

/** However long. */
export const writtenOf = (name: string): string =>
  `.${name
    .split('/')
    .map((level) => encodeUtf7(level).replaceAll('.', CODED_DOT))
    .join('.')}`

/** Directory of a mailbox below its account's; '' for INBOX. */
export function folderDirectory(name: string): string {
  if (name === INBOX) return ''
  const directory = writtenOf(name)
  if (directory.length > MAX_DIRECTORY) throw badMailboxName('too long')
  return directory
}

/** A name as clients give it and no other. */
function isReachable(name: string): boolean {
  try {
    return name !== INBOX && mailboxName(name) === name
  } catch {
    return false
  }
}

/** null for what is no mailbox: names that start with two dots, have an empty level, or that no client could select. */
export function folderName(directory: string, written: (name: string) => string = writtenOf): string | null {
  if (!/^\.[^.]/.test(directory) || directory.includes('..') || directory.endsWith('.')) return null
  const name = directory.slice(1).split('.').map(decodeUtf7).join('/')
  return isReachable(name) && written(name) === directory ? name : null
}

const SYSTEM_USERS = '@system'

/** `<mail>/<domain>/<local>`; accounts of system users, without a domain, lie below `@system`. */
export function accountDirectory(mail: string, account: string): string {
  const at = account.lastIndexOf('@')
  return at < 0
    ? `${mail}/${SYSTEM_USERS}/${safeName(account)}`
    : `${mail}/${safeName(account.slice(at + 1))}/${safeName(account.slice(0, at))}`
}

/** Any text as one file name: what could leave the directory or be hidden in it is written as %XX. */
export const safeName = (text: string): string =>
  encodeURIComponent(text)
    .replace(/^\./, '%2E')
    .replace(/%(2B|3D|40|26|24|23|7B|7D|60|5E|7C|3F|2C)/g, (coded) => decodeURIComponent(coded)) || '%'
