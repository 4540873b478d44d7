// The rich text editor replaces the labelled textarea with an element that has no accessible name.
document.addEventListener("prose-editor:ready", ({ detail: { editor, textarea } }) => {
  const [label] = textarea.labels
  if (label) editor.view.dom.setAttribute("aria-label", label.textContent.replace(/[:：]\s*$/, ""))
})
