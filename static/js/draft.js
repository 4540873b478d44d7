// Keeps what was typed in the draft every half minute, and when the page is left without saving.
const form = document.querySelector("input[name=_shown]").form
let sent = values()

function values() {
  return new URLSearchParams(new FormData(form)).toString()
}

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

async function keep() {
  if (values() === sent) return
  const data = typed("typing")
  noteRows()
  sent = values()
  await fetch(form.action, { method: "POST", body: data }).catch(() => (sent = ""))
}

function keepAtOnce() {
  if (values() === sent || !navigator.sendBeacon(form.action, typed("typing"))) return
  noteRows()
  sent = values()
}

// A row that was added gets its key here, so that it is the same row each time it is sent. Later ones come later.
document.addEventListener("formset:added", ({ target, detail: { formsetName } }) => {
  const key = target.querySelector(`input[type=hidden][name^="${formsetName}-"][name$="-id"]`)
  const moment = (BigInt(Date.now()) * 1000000n).toString(16).padStart(16, "0")
  if (key) key.setAttribute("value", `new-${moment}${Math.random().toString(16).slice(2, 6).padEnd(4, "0")}`)
})

// A link to another page is followed when what was typed is kept. If it cannot be kept, the page stays.
document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[href]")
  const isPlain = event.button === 0 && !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey)
  if (!link || !isPlain || link.target || event.defaultPrevented || link.pathname === location.pathname) return
  if (values() === sent) return
  event.preventDefault()
  const answer = await fetch(form.action, { method: "POST", body: typed("leaving") })
  if (!answer.ok) return form.requestSubmit()
  sent = values()
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

form.addEventListener("submit", () => {
  noteRows()
  sent = values()
})
document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && keepAtOnce())
addEventListener("pagehide", keepAtOnce)
setInterval(keep, 30_000)
