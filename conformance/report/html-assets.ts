// Style and script of the HTML report: readable in light and dark, verdicts told by word and colour; all is shown without the script.

export const STYLE = `
:root{color-scheme:light dark;--bg:#fff;--fg:#1b1b1f;--soft:#5c5c66;--line:#d5d5dc;--band:#f3f3f6;--link:#1a4fb4;
--pass:#186a2f;--fail:#b3141b;--warn:#8a5a00;--unclean:#8b2c8f;--blocked:#4c4c9a;--skip:#6a6a72}
@media (prefers-color-scheme:dark){:root{--bg:#15161a;--fg:#e7e7ec;--soft:#a6a6b2;--line:#3a3b44;--band:#202128;--link:#8ab4ff;
--pass:#6fd08c;--fail:#ff8a8a;--warn:#f0b860;--unclean:#e29be5;--blocked:#a9a9ff;--skip:#a0a0aa}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:110rem;padding:1rem;font:15px/1.45 system-ui,sans-serif;color:var(--fg);background:var(--bg)}
a{color:var(--link)}
h1,h2{line-height:1.2}
small,.rfc,.level{color:var(--soft);font-weight:normal;font-size:.85em}
table{border-collapse:collapse;font-size:.92em}
caption{text-align:left;font-weight:bold;padding:.6em 0 .2em}
th,td{border-bottom:1px solid var(--line);padding:.3em .6em;text-align:left;vertical-align:top}
.totals{margin-bottom:1rem}
.totals td{text-align:right;font-variant-numeric:tabular-nums;vertical-align:middle}
.totals td:nth-child(2){text-align:left}
.scroll{overflow:auto;max-height:90vh;border:1px solid var(--line)}
.cases thead th{position:sticky;top:0;background:var(--band);z-index:1}
.cases th[scope=row]{min-width:20rem;max-width:34rem;font-weight:normal}
.cases th p,.cases td p{margin:.2em 0}
.topic th{background:var(--band)}
pre{overflow:auto;max-width:44rem;max-height:30rem;padding:.5em;background:var(--band);font-size:.9em}
.mark{font-weight:600}
.pass{color:var(--pass);fill:var(--pass)}.fail{color:var(--fail);fill:var(--fail)}.warn{color:var(--warn);fill:var(--warn)}
.unclean{color:var(--unclean);fill:var(--unclean)}.blocked{color:var(--blocked);fill:var(--blocked)}.skip{color:var(--skip);fill:var(--skip)}
.rest{fill:var(--band);stroke:var(--line)}
#filters:not([hidden]){display:flex;flex-wrap:wrap;gap:.5rem 1.2rem;align-items:end;margin:1rem 0}
fieldset{border:1px solid var(--line);padding:.2em .6em}
fieldset label{margin-right:.7em}
.skip-link{position:absolute;left:-99rem}.skip-link:focus{left:1rem}
:target>th{outline:2px solid var(--link)}
@media print{#filters{display:none}.scroll{max-height:none;overflow:visible}}
`

export const SCRIPT = `
const form = document.getElementById('filters')
const words = document.getElementById('words')
const differing = document.getElementById('differing')
const rows = [...document.querySelectorAll('tr.case')].map((row) => ({
  row,
  level: row.dataset.level,
  verdicts: row.dataset.verdicts.split(' '),
  text: (row.id + ' ' + row.querySelector('th').textContent).toLowerCase(),
}))
const chosen = (kind) => new Set([...form.querySelectorAll('[data-' + kind + ']:checked')].map((box) => box.dataset[kind]))
function show() {
  const verdicts = chosen('verdict')
  const levels = chosen('level')
  const wanted = words.value.toLowerCase().split(/\\s+/).filter(Boolean)
  let shown = 0
  for (const one of rows) {
    const isShown = levels.has(one.level) && one.verdicts.some((verdict) => verdicts.has(verdict)) &&
      (!differing.checked || one.verdicts.length > 1) && wanted.every((word) => one.text.includes(word))
    one.row.hidden = !isShown
    if (isShown) shown++
  }
  for (const body of document.querySelectorAll('.cases tbody'))
    body.hidden = !body.querySelector('tr.case:not([hidden])')
  document.getElementById('shown').textContent = shown + ' of ' + rows.length + ' cases'
}
form.hidden = false
form.addEventListener('input', show)
form.addEventListener('submit', (event) => event.preventDefault())
show()
`
