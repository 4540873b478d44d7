// The button stays hidden where this script does not run, since it could do nothing there.
for (const button of document.querySelectorAll(".print-button")) {
  button.addEventListener("click", () => window.print())
  button.hidden = false
}
