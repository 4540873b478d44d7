// Keeps what was typed in the draft every half minute, and when the page is left without saving.
const form = document.querySelector("input[name=_shown]").form
// Each half minute, what could not be kept is sent again.
const PAUSE = 30_000

// What the portal has, and what was sent while the page was left, when nobody can tell whether it arrived.
let kept = values()
let sentLast = ""
let isSending = false
// Ends a request that keeps what was typed, so that it does not arrive after what a button sends.
let sending = new AbortController()
// Whether the portal has refused or not answered.
let isFailing = false
// Whether the form was submitted, and whether the user need not be asked before leaving. Who types on has stayed.
let isSubmitted = false
let isLeaving = false

// The bar above the form says when typing was kept, in Beijing, or that it is not.
const status = document.querySelector(".keep-status")
const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "short", timeZone: "Asia/Shanghai" })

// A page that is new has no address before it is opened. From now on it is that of its draft.
if (form.hasAttribute("action")) history.replaceState(history.state, "", form.action)

// A reload can overtake what was sent while the page was left. If the draft has not changed since then, the page is
// loaded again, three times at most. Each wait is as long as the time since then.
const SENT = `sent from ${location.pathname}${location.search}`
const sent = JSON.parse(sessionStorage.getItem(SENT)) ?? {}
const age = Date.now() - sent.at
let again
sessionStorage.removeItem(SENT)
if (sent.tries && age < 10_000 && sent.mark === status.dataset.mark) {
  form.inert = true
  status.textContent = gettext("One moment: what you typed is on its way.")
  again = setTimeout(() => {
    sessionStorage.setItem(SENT, JSON.stringify({ ...sent, tries: sent.tries - 1 }))
    location.reload()
  }, age)
}

// What was typed. A choice between two texts counts when a button sends it.
function values() {
  const own = (name, value) => !(name === "_shown" || name.startsWith("_choose:") || value instanceof File)
  return new URLSearchParams([...new FormData(form)].filter(([name, value]) => own(name, value))).toString()
}

const hasFiles = () => [...form.querySelectorAll("input[type=file]")].some((input) => input.files.length)

// What is to be sent: `how` says whether the portal tells the user so. Files are sent when the user leaves by a link.
function typed(how) {
  const data = new FormData(form)
  data.set("_keep", how)
  if (how === "typing") for (const [name, value] of [...data]) if (value instanceof File) data.delete(name)
  return data
}

// From now on the form has shown these rows: one that is removed later is missing, and not unknown.
function noteRows() {
  const shown = JSON.parse(form.elements._shown.value)
  for (const key of form.querySelectorAll("input[type=hidden][name$='-id'][value^='new-']")) {
    shown[`${key.name.replace(/-\d+-id$/, "")}/${key.value}/DELETE`] = ""
  }
  form.elements._shown.value = JSON.stringify(shown)
}

// Sends what was typed. Returns whether it is kept, and says so on the page.
async function send(how, options = {}) {
  const now = values()
  const data = typed(how)
  noteRows()
  const answer = await fetch(form.action, { method: "POST", body: data, ...options }).catch(({ name }) => name)
  // A button sends the form instead.
  if (answer === "AbortError") return false
  isFailing = answer?.status !== 204
  if (!isFailing) {
    kept = now
    status.dataset.mark = answer.headers.get("Draft-Mark")
  }
  status.classList.toggle("is-failing", isFailing)
  status.textContent = isFailing
    ? gettext("What you have typed could not be saved. Please keep this page open: it is tried again every half minute.")
    : interpolate(gettext("Draft kept at %(time)s"), { time: clock.format(new Date()) }, true)
  return !isFailing
}

async function keep() {
  if (isSending || isSubmitted || values() === kept) return
  isSending = true
  await send("typing", { signal: sending.signal })
  isSending = false
}

// A request that outlives the page may have 64 KiB at most. Returns whether it could be made.
function keepAtOnce() {
  const now = values()
  if (now === kept || now === sentLast) return true
  if (!navigator.sendBeacon(form.action, typed("typing"))) return false
  noteRows()
  sentLast = now
  sessionStorage.setItem(SENT, JSON.stringify({ at: Date.now(), mark: status.dataset.mark, tries: 3 }))
  return true
}

// A row that was added gets its key here, so that it is the same row each time it is sent. Later ones come later.
document.addEventListener("formset:added", ({ target, detail: { formsetName } }) => {
  const key = target.querySelector(`input[type=hidden][name^="${formsetName}-"][name$="-id"]`)
  const moment = (BigInt(Date.now()) * 1000000n).toString(16).padStart(16, "0")
  if (key) key.setAttribute("value", `new-${moment}${Math.random().toString(16).slice(2, 6).padEnd(4, "0")}`)
})

// A link to another page is followed when what was typed is kept. If it cannot be kept, the user decides.
document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[href]")
  const isPlain = event.button === 0 && !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey)
  if (!link || !isPlain || link.target || event.defaultPrevented || link.pathname === location.pathname) return
  if (values() === kept && !hasFiles()) return
  event.preventDefault()
  const question = gettext("What you have typed could not be saved. Leave this page all the same?")
  if (!(await send("leaving")) && !confirm(question)) return
  isLeaving = true
  location = link.href
})

// The editor of rich text hides the field that a message leads to.
document.addEventListener("click", (event) => {
  const link = event.target.closest(".faults a")
  const editor = link && document.querySelector(link.hash)?.closest(".prose-editor")?.querySelector("[contenteditable]")
  if (!editor) return
  event.preventDefault()
  editor.focus()
})

function stay() {
  isSubmitted = isLeaving = false
}

form.addEventListener("submit", ({ submitter }) => {
  sending.abort()
  sending = new AbortController()
  noteRows()
  // A preview opens in a window of its own.
  isSubmitted = isLeaving = !submitter?.formTarget
})
form.addEventListener("input", stay)
addEventListener("pageshow", stay)
addEventListener("beforeunload", (event) => {
  // The user goes elsewhere, or the page is loaded again.
  clearTimeout(again)
  form.inert = false
  if (isLeaving || (values() === kept && !hasFiles())) return
  if (keepAtOnce() && !isFailing && !hasFiles()) return
  event.preventDefault()
  keep()
})
addEventListener("pagehide", () => isSubmitted || keepAtOnce())
// A page that is only covered can send more.
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "hidden" && values() !== sentLast) keep()
})
setInterval(keep, PAUSE)
