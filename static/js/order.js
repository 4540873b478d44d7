// Rows of a form are put in order by dragging, and by buttons. Without a script, the numbers in their fields do that.
{
  const ROWS = ".inline-related:not(.empty-form)"
  const numberOf = (row) => row.querySelector("input[name$='-sort_order']")
  const value = (row) => Number(numberOf(row).value) || 0

  const rowsOf = (list) => [...list.querySelectorAll(`:scope > ${ROWS}`)]

  // New rows are called by their place.
  const count = (list) =>
    rowsOf(list).forEach((row, index) => {
      const label = row.querySelector(".inline_label")
      label.textContent = label.textContent.replace(/^#\d+$/, `#${index + 1}`)
    })

  // Gives a row that was moved its number, and those after it higher ones where they need it.
  const place = (row) => {
    const rows = rowsOf(row.parentNode)
    const at = rows.indexOf(row)
    const number = at ? value(rows[at - 1]) + 1 : rows.length > 1 ? value(rows[1]) : value(row)
    numberOf(row).value = number
    rows.slice(at + 1).reduce((before, next) => {
      if (value(next) <= before) numberOf(next).value = before + 1
      return value(next)
    }, number)
    count(row.parentNode)
  }

  const move = (row, step, button) => {
    const rows = rowsOf(row.parentNode)
    const other = rows[rows.indexOf(row) + step]
    if (!other) return
    if (step < 0) other.before(row)
    else other.after(row)
    place(row)
    button.focus()
  }

  const equip = (row) => {
    const controls = document.createElement("span")
    controls.className = "order"
    const handle = document.createElement("span")
    handle.className = "order-handle"
    handle.title = gettext("Drag to put in order")
    controls.append(handle)
    for (const [step, sign, name] of [[-1, "↑", gettext("Move up")], [1, "↓", gettext("Move down")]]) {
      const button = document.createElement("button")
      button.type = "button"
      button.textContent = sign
      button.title = name
      button.setAttribute("aria-label", name)
      button.addEventListener("click", () => move(row, step, button))
      controls.append(button)
    }
    row.querySelector("h3").append(controls)
    const line = numberOf(row).closest(".form-row")
    if (!line.querySelector(".errorlist")) line.classList.add("hidden")
  }

  for (const list of document.querySelectorAll(".inline-group > fieldset")) {
    const rows = rowsOf(list).filter(numberOf)
    if (!rows.length && !list.querySelector(".empty-form input[name$='-sort_order']")) continue
    // As the draft has them.
    rows.sort((one, other) => value(one) - value(other))
    rows.forEach((row, index) => index && rows[index - 1].after(row))
    rows.forEach(equip)
    count(list)
    Sortable.create(list, { draggable: ROWS, handle: ".order-handle", onEnd: ({ item }) => place(item) })
  }

  document.addEventListener("formset:added", ({ target }) => {
    if (!numberOf(target)) return
    equip(target)
    numberOf(target).value = Math.max(...rowsOf(target.parentNode).map(value))
  })
}
