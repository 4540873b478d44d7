// Select2 replaces a labelled select with elements that have no accessible name.
const nameElements = (within) => {
  for (const select of within.querySelectorAll("select.select2-hidden-accessible")) {
    const [label] = select.labels
    if (!label) continue
    label.id ||= `${select.id}_label`
    const container = select.nextElementSibling
    for (const element of container.querySelectorAll("[role=textbox], input[type=search]")) {
      element.setAttribute("aria-labelledby", label.id)
    }
    const chosen = container.querySelector(".select2-selection__rendered")
    container.querySelector("[role=combobox]").setAttribute("aria-labelledby", `${label.id} ${chosen.id}`)
  }
}
// jQuery calls this after Django's own, which makes the elements.
window.addEventListener("load", () => django.jQuery(() => {
  nameElements(document)
  document.addEventListener("formset:added", (event) => nameElements(event.target))
}))
