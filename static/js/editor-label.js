// The rich text editor replaces the labelled textarea with an element that has no accessible name, and no language.
document.addEventListener("prose-editor:ready", ({ detail: { editor, textarea } }) => {
  const [label] = textarea.labels
  if (label) editor.view.dom.setAttribute("aria-label", label.textContent.replace(/[:：]\s*$/, ""))
  if (textarea.lang) editor.view.dom.lang = textarea.lang
})

// It translates its dialogs, but not its buttons, which it makes later and renames with the selection.
const translateButtons = (editor) => {
  for (const button of editor.querySelectorAll(".prose-menubar button")) {
    for (const name of ["title", "aria-label"]) {
      const text = button.getAttribute(name)
      if (text && text !== gettext(text)) button.setAttribute(name, gettext(text))
    }
  }
  for (const option of editor.querySelectorAll(".prose-menubar__option > *")) {
    if (option.textContent !== gettext(option.textContent)) option.textContent = gettext(option.textContent)
  }
}

// Nor does it translate what a dialog offers, whose values it reads.
const translateChoices = (editor) => {
  for (const option of editor.querySelectorAll("dialog option")) {
    if (option.textContent !== gettext(option.textContent)) {
      option.value = option.textContent
      option.textContent = gettext(option.textContent)
    }
  }
}

document.addEventListener("prose-editor:ready", ({ detail: { textarea } }) => {
  const editor = textarea.closest(".prose-editor")
  const translate = () => {
    translateButtons(editor)
    translateChoices(editor)
  }
  new MutationObserver(translate).observe(editor, { childList: true, subtree: true })
})
