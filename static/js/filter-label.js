// Django gives the icon of a box for filtering a name, but no role that may have one. It makes the icon on load.
addEventListener("load", () => {
  setTimeout(() => {
    for (const icon of document.querySelectorAll(".search-label-icon")) icon.setAttribute("role", "img")
  })
})
