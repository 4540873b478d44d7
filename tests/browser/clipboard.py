"""What word processors put into the clipboard as HTML, shortened. The shapes are theirs, the words are ours."""

WORD_HEAD = r"""<html xmlns:v="urn:schemas-microsoft-com:vml" xmlns:o="urn:schemas-microsoft-com:office:office"
xmlns:w="urn:schemas-microsoft-com:office:word" xmlns="http://www.w3.org/TR/REC-html40"><head>
<meta http-equiv=Content-Type content="text/html; charset=utf-8"><meta name=ProgId content=Word.Document>
<meta name=Generator content="Microsoft Word 15">
<style><!--
 p.MsoNormal, li.MsoNormal, div.MsoNormal
	{mso-style-unhide:no; margin:0cm; font-size:11.0pt; font-family:"Calibri",sans-serif;}
p.Chapter, li.Chapter, div.Chapter
	{mso-style-name:Chapter; mso-style-parent:""; mso-outline-level:2; font-size:14.0pt;}
span.Heading1Char
	{mso-style-name:"Heading 1 Char"; mso-style-unhide:no; mso-style-locked:yes;}
 /* List Definitions */
 @list l0
	{mso-list-id:1209340216; mso-list-type:hybrid;}
@list l0:level1
	{mso-level-number-position:left; text-indent:-18.0pt;}
--></style></head><body lang=EN-GB style='tab-interval:36.0pt;word-wrap:break-word'>
<!--StartFragment-->
"""
WORD_FOOT = "\n<!--EndFragment-->\n</body>\n</html>"


def word_item(text, marker, level=1, listed="l0", place="Middle"):
    """A paragraph that Word writes for the item of a list."""
    return (
        f"<p class=MsoListParagraphCxSp{place} style='margin-left:{36 * level}.0pt;mso-add-space:auto;\n"
        f"text-indent:-18.0pt;mso-list:{listed} level{level} lfo{int(listed[1:]) + 1}'><![if !supportLists]><span\n"
        "style='font-family:Symbol;mso-fareast-font-family:Symbol'><span\nstyle='mso-list:Ignore'>"
        f"{marker}<span style='font:7.0pt \"Times New Roman\"'>&nbsp;&nbsp;&nbsp;\n</span></span></span><![endif]>"
        f"{text}<o:p></o:p></p>\n\n"
    )


WORD = (
    WORD_HEAD
    + '<h1><a name="_Toc1"></a><span lang=EN-US>Teacher exchange<o:p></o:p></span></h1>\n\n'
    + "<p class=MsoNormal>First <b style='mso-bidi-font-weight:normal'>prepare</b> these<span\n"
    + "class=MsoCommentReference><a style='mso-comment-reference:A_1' href=\"#_msocom_1\">[A1]</a></span>:"
    + '<del cite="mailto:A" datetime="2026-11-02T09:00">deleted words</del><o:p></o:p></p>\n\n'
    + word_item("a plan", "1.", place="First")
    + word_item("for teachers", "a.", 2)
    + word_item("for <i>students</i>", "b.", 2)
    + word_item("in groups", "·", 3, "l1")
    + word_item("an agreement", "2.", place="Last")
    + '<p class=MsoNormal>See <a href="#_Toc1">above</a> and '
    + '<a href="https://portal.example/">our page</a>.<o:p></o:p></p>\n\n'
    + "<p class=MsoNormal><o:p>&nbsp;</o:p></p>\n\n"
    + word_item("a letter", "3.", place="First")
    + "<h2 style='margin-left:18.0pt;text-indent:-18.0pt;mso-list:l2 level1 lfo3'><![if !supportLists]><span\n"
    + "style='mso-list:Ignore'>1.<span style='font:7.0pt'>&nbsp; </span></span><![endif]>Costs<o:p></o:p></h2>\n\n"
    + word_item("travel", "§", 1, "l1", "First")
    + word_item("board", "§", 1, "l3", "Last")
    + "<h3>Dates<o:p></o:p></h3>\n\n<p class=Chapter>Contact<o:p></o:p></p>\n\n"
    + '<p class=MsoNormal><!--[if gte vml 1]><v:shape id="_x0000_i1025"><v:imagedata src="file:///C:/clip.png"/>'
    + '</v:shape><![endif]--><![if !vml]><img width=10 height=10 src="file:///C:/Temp/clip_image002.png"><![endif]>'
    + "<o:p></o:p></p>\n\n<div style='mso-element:comment-list'><div style='mso-element:comment'>"
    + "<p class=MsoCommentText>A comment</p></div></div>"
    + WORD_FOOT
)
WORD_KEPT = (
    "<h2>Teacher exchange</h2><p>First <strong>prepare</strong> these:</p>"
    '<ol data-type="decimal"><li><p>a plan</p>'
    '<ol data-type="lower-alpha" type="a"><li><p>for teachers</p></li>'
    "<li><p>for <em>students</em></p><ul><li><p>in groups</p></li></ul></li></ol></li>"
    "<li><p>an agreement</p></li></ol>"
    '<p>See above and <a href="https://portal.example/">our page</a>.</p>'
    '<ol data-type="decimal" start="3"><li><p>a letter</p></li></ol>'
    "<h3>1. Costs</h3><ul><li><p>travel</p></li><li><p>board</p></li></ul><h3>Dates</h3><h3>Contact</h3>"
)


def wps_run(text, font="宋体"):
    return (
        f"<span style=\"mso-spacerun:'yes';font-family:{font};mso-bidi-font-family:'Times New Roman';"
        f'font-size:10.5000pt;mso-font-kerning:1.0000pt;"><font face="{font}">{text}</font></span>'
    )


WPS_END = wps_run("<o:p></o:p>", "Calibri")


def wps_item(text, marker, level=1, listed="l0"):
    """A paragraph that WPS writes for the item of a list. It puts bullets alone into an element of their own."""
    marker = f"{marker}&nbsp;" if marker else "<span style='mso-list:Ignore;'>&#108;<span>&nbsp;</span></span>"
    return (
        f'<p class=MsoNormal style="text-indent:-21.0000pt;mso-list:{listed} level{level} lfo1;" >'
        f'<![if !supportLists]><span style="font-family:Wingdings;font-size:10.5000pt;" >{marker}</span><![endif]>'
        f"{wps_run(text)}{WPS_END}</p>"
    )


WPS = (
    '<html xmlns:o="urn:schemas-microsoft-com:office:office" xmlns:w="urn:schemas-microsoft-com:office:word"><head>'
    '<meta name=ProgId content=Word.Document ><meta name=Generator content="Microsoft Word 14" ><style>\n'
    '@list l0:level1{\nmso-level-number-format:chinese-counting;\nmso-level-suffix:none;\nmso-level-text:"（%1）";}\n\n'
    "p.MsoNormal{\nmso-style-name:正文;\nmargin:0pt;\nfont-size:10.5000pt;\n}\n\n"
    'p.16{\nmso-style-name:"标题 2";\nfont-size:16.0000pt;\n}\n\n'
    'span.17{\nmso-style-name:"标题 1 Char";\n}\n</style></head>'
    '<body style="tab-interval:21pt;text-justify-trim:punctuation;" ><!--StartFragment-->'
    '<div class="Section0" style="layout-grid:15.6000pt;" >'
    f'<p class=MsoTitle align=center style="text-align:center;" ><b>{wps_run("学生交流办法")}</b></p>'
    f'<p class=MsoNormal style="mso-outline-level:1;" ><b>{wps_run("一、材料")}</b>{WPS_END}</p>'
    f'<p class=MsoNormal style="text-indent:21.0000pt;" >{wps_run("请准备：")}{WPS_END}</p>'
    + wps_item("申请表", "（一）")
    + wps_item("学生版", None, 2, "l1")
    + wps_item("协议书", "（二）")
    + f"<p class=MsoNormal >{wps_run('另附：')}</p>"
    + wps_item("推荐信", "（十二）")
    + wps_item("提交", "二、", 1, "l5").replace("<p class=MsoNormal", "<h2").replace("</p>", "</h2>")
    + f'<p class=MsoNormal ><span style="font-weight:bold;" >{wps_run("按时")}</span>{wps_run("提交")}</p>'
    + f"<p class=16 >{wps_run('日期', '黑体')}</p>"
    + '<table class=MsoTableGrid border=1 ><tr><td width=284 valign=top style="width:213.0500pt;" >'
    + f"<p class=MsoNormal >{wps_run('春季')}</p></td><td>{wps_item('三月', '1)', 1, 'l4')}</td></tr></table>"
    + '<p class=MsoNormal ><img width="553" src="file:///C:\\Users\\a\\AppData\\Local\\Temp\\ksohtml1\\wps1.jpg">'
    + '<img width="553" src="file:///C:\\Users\\a\\AppData\\Local\\Temp\\ksohtml1\\wps2.jpg"></p>'
    + "</div><!--EndFragment--></body></html>"
)
WPS_KEPT = (
    "<h2>学生交流办法</h2><h2>一、材料</h2><p>请准备：</p>"
    '<ol data-type="decimal"><li><p>申请表</p><ul><li><p>学生版</p></li></ul></li><li><p>协议书</p></li></ol>'
    '<p>另附：</p><ol data-type="decimal" start="12"><li><p>推荐信</p></li></ol>'
    "<h3>二、提交</h3><p><strong>按时</strong>提交</p>"
    "<h3>日期</h3><table><tbody><tr><td><p>春季</p></td>"
    '<td><ol data-type="decimal"><li><p>三月</p></li></ol></td></tr></tbody></table>'
)


def word_online_item(tag, text, level, number):
    return (
        f'<div class="ListContainerWrapper SCXW130253869 BCX0"><{tag} class="NumberListStyle1" role="list" '
        f'start="{number}"><li data-leveltext="%1." data-listid="2" data-aria-posinset="{number}" '
        f'data-aria-level="{level}" role="listitem" class="OutlineElement Ltr SCXW130253869"><p class="Paragraph">'
        f'<span data-contrast="auto" class="TextRun"><span class="NormalTextRun">{text}</span></span>'
        f'<span class="EOP" data-ccp-props="{{}}"> </span></p></li></{tag}></div>'
    )


WORD_ONLINE = (
    '<div class="OutlineElement Ltr"><p class="Paragraph" role="heading" aria-level="3">'
    '<span class="TextRun">Documents</span></p></div>'
    + word_online_item("ol", "a form", 1, 1)
    + word_online_item("ul", "in Chinese", 2, 1)
    + word_online_item("ol", "a letter", 1, 2)
)
WORD_ONLINE_KEPT = (
    '<h3>Documents</h3><ol data-type="decimal"><li><p>a form</p><ul><li><p>in Chinese</p></li></ul></li>'
    "<li><p>a letter</p></li></ol>"
)
