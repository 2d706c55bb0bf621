// Sets up the peers that the tests drive: `node test/setup.ts`. Ends with 1 and a list when some cannot be had.
import { setUpPeers } from './kit/peers.ts'

const started = performance.now()
const report = setUpPeers(undefined, (line) => console.log(`peers: ${line}`))
const seconds = ((performance.now() - started) / 1000).toFixed(1)
console.log(
  `peers: ${report.present.length} there, ${report.installed.length} installed, ${report.unpacked.length} unpacked aside, ${report.missing.length} missing (${seconds} s)`,
)
for (const { name, reason } of report.missing) console.log(`peers: ${name} is missing: ${reason}`)
process.exitCode = report.missing.length === 0 ? 0 : 1
