// npm run conformance:publish: starts every product, runs the suites that fit it, and writes docs/conformance.{md,html}.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import {
  type CaseResult,
  formatHtml,
  formatJson,
  formatTotals,
  type RunReport,
  readExpectations,
  runSuite,
  suites,
} from '../../../conformance/index.ts'
import { createAuthority, writeCertificate } from '../../kit/certificates.ts'
import { scratch } from '../../kit/daemon.ts'
import { formatPage, type Published } from './page.ts'
import { type Product, products, type Tls } from './products.ts'
import { createScrubber } from './scrub.ts'

const ROOT = fileURLToPath(
  new URL(import.meta.url.includes('/dist/test/') ? '../../../../' : '../../../', import.meta.url),
)
const RESULTS = join(ROOT, 'test/.cache/conformance')

const AT_ONCE = 3

const list = (text: string): string[] => text.split(',')
const { only, suite, parallel } = new Command('conformance:publish')
  .option('--only <products>', 'run these alone, and keep the others’ last results', list)
  .option('--suite <suites>', 'run these alone, and keep the others’ last results', list)
  .option('--parallel <n>', 'cases of a suite at a time', '6')
  .parse()
  .opts<{ only?: string[]; suite?: string[]; parallel: string }>()

const say = (line: string): void => void process.stdout.write(`${line}\n`)
const resultsFile = (product: string, suiteName: string): string => join(RESULTS, `${product}-${suiteName}.json`)

const expectationsOf = (product: string): string => join(ROOT, 'conformance/expectations', `${product}.yaml`)

async function runProduct(product: Product, tls: Tls): Promise<void> {
  const running = await product.start(tls)
  const scrub = createScrubber()
  const expectations = expectationsOf(product.name)
  try {
    for (const [name, target] of Object.entries(running.targets)) {
      if (suite && !suite.includes(name)) continue
      const report = await runSuite(name, {
        ...target,
        parallel: Number(parallel),
        ...(existsSync(expectations) ? { expectations } : {}),
      })
      writeFileSync(resultsFile(product.name, name), formatJson(scrub(report)))
      say(`${product.title}: ${formatTotals(report)}`)
      for (const { facts, verdict, expectation, reason } of report.results)
        if (expectation === 'surprise') say(`  passes, though a failure is expected: ${facts.id}`)
        else if (expectation === null && !['pass', 'skip'].includes(verdict)) say(`  ${verdict} ${facts.id}: ${reason}`)
    }
  } finally {
    await running.stop()
  }
}

/** What is known by now of each finding, also of a run that was made before. */
function withRemarks(report: RunReport, product: string): RunReport {
  const path = expectationsOf(product)
  const { fails } = existsSync(path) ? readExpectations(path) : { fails: new Map<string, string>() }
  const judge = (one: CaseResult): CaseResult => {
    const remark = ['pass', 'skip'].includes(one.verdict) ? null : (fails.get(one.facts.id) ?? null)
    return { ...one, remark, expectation: remark === null ? null : 'known' }
  }
  return { ...report, results: report.results.map(judge) }
}

/** All that was found out so far, in the order of the products and suites. */
function published(): Published[] {
  return products.flatMap((product) => {
    const reports = suites
      .map(({ name }) => resultsFile(product.name, name))
      .filter((path) => existsSync(path))
      .map((path) => withRemarks(JSON.parse(readFileSync(path, 'utf8')) as RunReport, product.name))
    return reports.length === 0
      ? []
      : [{ name: product.title, version: product.version(), note: product.note ?? null, reports }]
  })
}

function writePages(): void {
  const servers = published()
  const about =
    'Mail servers as Debian, npm and this repository ship them, each asked the same: what they answered, case by case.'
  const page = formatPage(
    servers,
    suites.map(({ name }) => name),
  )
  writeFileSync(join(ROOT, 'docs/conformance.md'), page)
  writeFileSync(
    join(ROOT, 'docs/conformance.html'),
    formatHtml(servers, { title: 'Conformance of mail servers', about }),
  )
}

const chosen = products.filter(({ name }) => !only || only.includes(name))
const strange = [
  ...(only ?? []).filter((name) => !products.some((one) => one.name === name)),
  ...(suite ?? []).filter((name) => !suites.some((one) => one.name === name)),
]
if (strange.length > 0) throw new Error(`no such product or suite: ${strange.join(', ')}`)
if (!only && !suite) rmSync(RESULTS, { recursive: true, force: true })
mkdirSync(RESULTS, { recursive: true })
const folder = scratch('publish')
try {
  const tls = writeCertificate(folder.path, 'server', await (await createAuthority()).issue())
  const waiting = [...chosen]
  const runNext = async (): Promise<void> => {
    for (let product = waiting.shift(); product; product = waiting.shift()) {
      try {
        await runProduct(product, tls)
      } catch (error) {
        say(`${product.title} could not be run: ${(error as Error).message}`)
        process.exitCode = 2
      }
    }
  }
  // much of the time goes into waiting for answers that do not come
  await Promise.all(Array.from({ length: AT_ONCE }, runNext))
  writePages()
} finally {
  folder.remove()
}
