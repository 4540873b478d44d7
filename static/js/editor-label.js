// The rich text editor hides the labelled textarea behind a box of its own, which has no name to read out.
document.addEventListener("prose-editor:ready", ({ detail: { editor, textarea } }) => {
  const [label] = textarea.labels
  if (label) editor.view.dom.setAttribute("aria-label", label.textContent.replace(/[:：]\s*$/, ""))
})
