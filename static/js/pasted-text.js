/*
 * An extension of the editor: text that is pasted from Word, WPS or a page of the web keeps its headings and lists.
 * What is left out is said below the editor. The server sanitises whatever arrives.
 *
 * Word and WPS write the item of a list as a paragraph with "mso-list:l0 level2 lfo1" in its style. Its number or
 * bullet is plain text, between the conditional comments [if !supportLists] and [endif].
 */
import { Extension, gettext, Plugin } from "django-prose-editor/editor"

const LIST = /mso-list:\s*(l\d+)\s+level(\d+)(?:\s+(lfo\d+))?/i
const MARKER = /mso-list:\s*Ignore/i
const OUTLINE = /mso-outline-level:\s*(\d)/i
// A style of a paragraph in the style sheet of Word or WPS: its class, and its level as a heading.
const STYLES = /\bp\.([\w-]+)[^{}]*\{[^{}]*?(?:mso-outline-level:\s*|mso-style-name:\s*"?(?:heading|\u6807\u9898) ?)(\d)/gi
const WEIGHT = /(?:^|;)\s*font-weight:\s*(\w+)/i
const SLANT = /(?:^|;)\s*font-style:\s*(?:italic|oblique)/i
// The digits from one to nine, and ten, in Chinese.
const [DIGITS, TEN] = ["\u4e00\u4e8c\u4e09\u56db\u4e94\u516d\u4e03\u516b\u4e5d", "\u5341"]
const CHINESE = new RegExp(`(?=[${DIGITS}${TEN}])([${DIGITS}]?)(${TEN}?)([${DIGITS}]?)`)
const CIRCLED_ONE = 0x2460

const textOf = (element) => element.textContent.trim()

const styleOf = (element) => element.dataset.style ?? ""

/** The level of `element` as a heading, from 1 on, or undefined. */
function headingLevel(element, levels) {
  if (/^H[1-6]$/.test(element.tagName)) return Number(element.tagName[1])
  if (element.getAttribute("role") === "heading") return Number(element.getAttribute("aria-level")) || 2
  if (element.classList.contains("MsoTitle")) return 1
  const outline = OUTLINE.exec(styleOf(element))
  return outline ? Number(outline[1]) : levels.get(element.className)
}

/** Removes the number or bullet that stands in `paragraph` as text, and returns it. */
function takeMarker(page, paragraph) {
  const comments = page.createTreeWalker(paragraph, NodeFilter.SHOW_COMMENT)
  let marker = ""
  while (comments.nextNode()) {
    if (!comments.currentNode.data.includes("supportLists")) continue
    const start = comments.currentNode
    while (start.nextSibling && !start.nextSibling.data?.includes("endif")) {
      marker += start.nextSibling.textContent
      start.nextSibling.remove()
    }
    return marker.trim()
  }
  const span = [...paragraph.querySelectorAll("span")].find((span) => MARKER.test(styleOf(span)))
  span?.remove()
  return span ? textOf(span) : ""
}

/** What the `marker` of an item, such as "3." or "b)", says about its list; undefined if it is a bullet. */
function numberOf(marker) {
  const digits = /(\d+)\D*$/.exec(marker)
  if (digits) return { start: Number(digits[1]) }
  const circled = /[\u2460-\u2473]/.exec(marker)
  if (circled) return { start: circled[0].charCodeAt(0) - CIRCLED_ONE + 1 }
  const [chinese, tens, ten, ones] = CHINESE.exec(marker) ?? []
  if (chinese) {
    const digit = (text) => DIGITS.indexOf(text) + 1
    return { start: ten ? 10 * (tens ? digit(tens) : 1) + (ones ? digit(ones) : 0) : digit(tens) }
  }
  const letters = /^[(\uff08]?([a-z]+)[.)\uff0e\uff09\u3001]$/i.exec(marker)
  if (!letters) return undefined
  if (/^i$/i.test(letters[1])) return { start: 1, type: letters[1] }
  const isLower = letters[1] === letters[1].toLowerCase()
  return { start: letters[1].toLowerCase().charCodeAt(0) - 96, type: isLower ? "a" : "A" }
}

/** Makes all headings h2 or h3. Their levels move down if one of them is the first level, which titles of pages have. */
function keepHeadings(page, levels) {
  const found = [...page.querySelectorAll("h1, h2, h3, h4, h5, h6, p, [role=heading]")]
    .map((element) => [element, headingLevel(element, levels)])
    .filter(([element, level]) => level && textOf(element))
  const move = found.some(([, level]) => level === 1) ? 1 : 0
  for (const [element, level] of found) {
    const heading = page.createElement(level + move > 2 ? "h3" : "h2")
    const marker = takeMarker(page, element)
    heading.append(...element.childNodes)
    // Headings are not numbered here, so a number becomes text.
    if (numberOf(marker)) heading.prepend(/[\d.)]$/.test(marker) ? `${marker} ` : marker)
    for (const bold of heading.querySelectorAll("b, strong")) bold.replaceWith(...bold.childNodes)
    element.replaceWith(heading)
  }
}

/** The items of lists that `page` has as paragraphs, in their order. */
function listItems(page) {
  // Word in the browser writes a list for each item.
  for (const item of page.querySelectorAll(".ListContainerWrapper li[data-aria-level]")) {
    const paragraph = page.createElement("p")
    const { listid, ariaLevel, ariaPosinset } = item.dataset
    paragraph.dataset.style = `mso-list:l${listid} level${ariaLevel} lfo1`
    paragraph.dataset.marker = item.parentElement.tagName === "OL" ? `${ariaPosinset}.` : ""
    paragraph.append(...[...item.children].flatMap((child) => [...child.childNodes]))
    item.closest(".ListContainerWrapper").before(paragraph)
    item.remove()
  }
  for (const wrapper of page.querySelectorAll(".ListContainerWrapper")) {
    if (!textOf(wrapper)) wrapper.remove()
  }
  return [...page.querySelectorAll("p")].flatMap((paragraph) => {
    const [found, list, level, use] = LIST.exec(styleOf(paragraph)) ?? []
    if (!found) return []
    const number = numberOf(paragraph.dataset.marker ?? takeMarker(page, paragraph))
    return [{ paragraph, level: Number(level), number, name: number ? `${list} ${use}` : "bullets" }]
  })
}

function keepLists(page) {
  // The lists that are open, the outermost first. Each is in the last item of the one before it.
  let open = []
  for (const { paragraph, level, number, name } of listItems(page)) {
    if (paragraph.previousElementSibling !== open[0]?.list) open = []
    while (open.length && (open.at(-1).level > level || (open.at(-1).level === level && open.at(-1).name !== name))) {
      open.pop()
    }
    if (!open.length || open.at(-1).level < level) {
      const list = page.createElement(number ? "ol" : "ul")
      if (number?.start > 1) list.start = number.start
      if (number?.type) list.type = number.type
      if (open.length) open.at(-1).list.lastElementChild.append(list)
      else paragraph.before(list)
      open.push({ list, level, name })
    }
    const item = page.createElement("li")
    const text = page.createElement("p")
    text.append(...paragraph.childNodes)
    item.append(text)
    open.at(-1).list.append(item)
    paragraph.remove()
  }
}

/** Words are bold and slanted by elements, and no longer by styles. */
function keepEmphasis(page) {
  for (const element of page.querySelectorAll("[data-style]")) {
    const bold = WEIGHT.exec(styleOf(element))
    if (element.matches("b, strong")) {
      if (bold && !/bold|[6-9]00/.test(bold[1])) element.replaceWith(...element.childNodes)
      continue
    }
    for (const [name, isSet] of [
      ["strong", bold && /bold|[6-9]00/.test(bold[1])],
      ["em", SLANT.test(styleOf(element)) && !element.matches("i, em")],
    ]) {
      if (!isSet || element.closest("h2, h3")) continue
      const emphasis = page.createElement(name)
      emphasis.append(...element.childNodes)
      element.append(emphasis)
    }
  }
}

/** Returns `html` in the form that the editor keeps, and the number of pictures that it cannot keep. */
function tidied(html) {
  // What the editor itself wrote to the clipboard is in its form.
  if (html.includes("data-pm-slice")) return { html, pictures: 0 }
  // The security policy of the page refuses styles, and reports them, even in a document that is only read.
  let styles = ""
  const plain = html
    .replace(/<style[\s\S]*?<\/style>/gi, (style) => ((styles += style), ""))
    .replace(/<[a-z][^>]*>/gi, (tag) => tag.replace(/\sstyle\s*=/gi, " data-style="))
  const page = new DOMParser().parseFromString(plain, "text/html")
  const pictures = page.querySelectorAll("img, svg").length || page.querySelectorAll("v\\:imagedata").length
  // Words that were deleted while Word recorded changes, and its comments.
  for (const left of page.querySelectorAll("del, .msoDel, .MsoCommentReference, [data-style*='mso-element:comment']")) {
    left.remove()
  }
  // Links to places in the document.
  for (const link of page.querySelectorAll("a[href^='#_']")) link.replaceWith(...link.childNodes)
  for (const empty of page.querySelectorAll("p, h1, h2, h3, h4, h5, h6")) {
    if (!textOf(empty)) empty.remove()
  }
  keepHeadings(page, new Map([...styles.matchAll(STYLES)].map(([, name, level]) => [name, Number(level)])))
  keepLists(page)
  keepEmphasis(page)
  return { html: page.body.innerHTML, pictures }
}

export const PastedText = Extension.create({
  name: "pastedText",

  addStorage() {
    const status = document.createElement("p")
    status.className = "editor-status"
    status.setAttribute("role", "status")
    return { status }
  },

  onCreate() {
    this.editor.view.dom.closest(".prose-editor").after(this.storage.status)
  },

  onDestroy() {
    this.storage.status.remove()
  },

  transformPastedHTML(html) {
    const { html: kept, pictures } = tidied(html)
    const text = ngettext(
      "%s picture was left out: this text takes no pictures.",
      "%s pictures were left out: this text takes no pictures.",
      pictures,
    )
    this.storage.status.textContent = pictures ? interpolate(text, [pictures]) : ""
    return kept
  },

  addProseMirrorPlugins() {
    // Without this, the browser leaves the page for a file that is dropped.
    const refuseFiles = (files, slice) => {
      if (!files.length || slice.size) return false
      this.storage.status.textContent = gettext("This text takes no pictures and no files.")
      return true
    }
    return [
      new Plugin({
        props: {
          handlePaste: (view, event, slice) => refuseFiles(event.clipboardData.files, slice),
          handleDrop: (view, event, slice) => refuseFiles(event.dataTransfer.files, slice),
        },
      }),
    ]
  },
})
