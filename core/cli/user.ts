// estafeta user: add, remove, list, show, enable and disable users of the users file, and set their passwords.
import { Command, Option } from 'commander'
import { formatSize } from '../config/units.ts'
import type { User } from '../directory/directory.ts'
import { editUsers } from '../directory/edit-users.ts'
import { DEFAULT_SCHEME, hashPassword, schemes, splitSecret } from '../directory/password-schemes.ts'
import { makeForServer } from './as-server.ts'
import { CliError, EX, listCommand } from './context.ts'
import { readAddress, requireOurs, type UsersAccess, usersAccess } from './directory-access.ts'
import { formatTable, print, printJson } from './output.ts'
import { readPassword } from './password.ts'

interface PasswordOptions {
  passwordStdin?: true
  scheme: string
}
interface AddOptions extends PasswordOptions {
  name?: string
  address: string[]
  sendAs: string[]
  quota?: string
  password: boolean
}

export function build(): Command {
  const user = new Command('user')
  withPassword(user.command('add').description('add a user').argument('<address>'))
    .option('--name <name>', "the user's name")
    .option('--address <address...>', 'more addresses of the user; @domain for all of a domain', [])
    .option(
      '--send-as <address...>',
      'addresses to send as that do not reach the user; @domain for all of a domain',
      [],
    )
    .option('--quota <size>', 'largest size of the mailbox, such as 2GiB; 0 is without limit')
    .option('--no-password', 'add a user who cannot log in yet')
    .action(add)
  user.command('remove').description('remove a user; the mail stays on disk').argument('<address>').action(remove)
  listCommand(user).description('list users').option('--json', 'as JSON').action(list)
  user.command('show').description('show a user').argument('<address>').option('--json', 'as JSON').action(show)
  withPassword(user.command('passwd').description('set a password').argument('<address>')).action(setPassword)
  user.command('enable').description('let a user log in and get mail again').argument('<address>').action(enable)
  user
    .command('disable')
    .description('keep a user from logging in and getting mail')
    .argument('<address>')
    .action(disable)
  return user
}

const withPassword = (command: Command): Command =>
  command
    .option('--password-stdin', 'read the password from the first line of the standard input')
    .addOption(new Option('--scheme <scheme>', 'how to store it').choices([...schemes.keys()]).default(DEFAULT_SCHEME))

async function add(text: string, options: AddOptions): Promise<void> {
  const access = await usersAccess()
  const account = readAddress(text, access.site)
  requireOurs(account, access)
  if (access.read().byAddress.has(account)) throw new CliError(`${account} is taken already`, EX.data)
  const password = options.password ? await newPassword(options) : undefined
  await makeForServer(access.site, access.path)
  editUsers(access.path, (users) =>
    users.addUser(account, {
      ...(options.name === undefined ? {} : { name: options.name }),
      ...(password === undefined ? {} : { password }),
      ...(options.address.length === 0 ? {} : { addresses: options.address }),
      ...(options.sendAs.length === 0 ? {} : { sendAs: options.sendAs }),
      ...(options.quota === undefined ? {} : { quota: options.quota }),
    }),
  )
  print(`added ${account}`)
}

async function remove(text: string): Promise<void> {
  const { account, path } = await existing(text)
  editUsers(path, (users) => users.removeUser(account))
  print(`removed ${account}; the mailbox was left as it is`)
}

async function setPassword(text: string, options: PasswordOptions): Promise<void> {
  const { account, path } = await existing(text)
  const password = await newPassword(options)
  editUsers(path, (users) => users.setUser(account, 'password', password))
  print(`password of ${account} set`)
}

async function enable(text: string): Promise<void> {
  const { account, path } = await existing(text)
  editUsers(path, (users) => users.setUser(account, 'enabled', null))
  print(`enabled ${account}`)
}

async function disable(text: string): Promise<void> {
  const { account, path } = await existing(text)
  editUsers(path, (users) => users.setUser(account, 'enabled', false))
  print(`disabled ${account}`)
}

async function list({ json }: { json?: true }): Promise<void> {
  const users = [...(await usersAccess()).read().users.values()]
  if (json) return printJson(users.map(view))
  const rows = users.map((user) => {
    const { account, name, quota, password, enabled } = view(user)
    return [
      account,
      name ?? '',
      quota === 0 ? '-' : formatSize(quota),
      enabled ? (password ?? 'no password') : 'disabled',
    ]
  })
  print(formatTable(['account', 'name', 'quota', 'login'], rows))
}

async function show(text: string, { json }: { json?: true }): Promise<void> {
  const { user } = await existing(text)
  const shown = view(user)
  if (json) return printJson(shown)
  for (const [key, value] of Object.entries(shown))
    print(`${`${key}:`.padEnd(11)} ${Array.isArray(value) ? value.join(', ') : (value ?? '')}`.trimEnd())
}

/** A user without the secret: of the password only the scheme. */
const view = ({ secret, ...user }: User) => ({
  ...user,
  password: secret === null ? null : (splitSecret(secret)?.scheme ?? null),
})

async function existing(text: string): Promise<UsersAccess & { account: string; user: User }> {
  const access = await usersAccess()
  const { users, byName } = access.read()
  const user = text.includes('@') ? users.get(readAddress(text, access.site)) : byName.get(text.toLowerCase())
  if (!user) throw new CliError(`no such user: ${text}`, EX.noUser)
  return { ...access, user, account: user.account }
}

const newPassword = async ({ passwordStdin, scheme }: PasswordOptions): Promise<string> =>
  hashPassword(await readPassword(passwordStdin === true), scheme)
