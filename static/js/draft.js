// Keeps what was typed in the draft when the page is left without saving, and every half minute.
const form = document.querySelector("input[name=_shown]").form
let sent = values()

function values() {
  return new URLSearchParams(new FormData(form)).toString()
}

function keep() {
  const typed = values()
  if (typed === sent) return
  const data = new FormData(form)
  data.set("_keep", "1")
  if (navigator.sendBeacon(form.action, data)) sent = typed
}

// A row that was added gets its key here, so that it is the same row each time it is sent.
document.addEventListener("formset:added", ({ target, detail: { formsetName } }) => {
  const key = target.querySelector(`input[type=hidden][name^="${formsetName}-"][name$="-id"]`)
  if (key) key.value = `new-${Date.now().toString(16).padStart(12, "0")}0000${Math.random().toString(16).slice(2, 6)}`
})

form.addEventListener("submit", () => (sent = values()))
document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && keep())
addEventListener("pagehide", keep)
setInterval(keep, 30_000)
