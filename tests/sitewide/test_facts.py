"""The site states each fact that the department gave, in both languages, and states no others."""

import re
from functools import cache
from urllib.parse import urlsplit

import html5lib
import pytest
from babel import Locale
from django.test import Client

from partners.models import Country, Institution
from portal.models import Department
from portal.site.sitemaps import public_pages
from programs.models import Question

pytestmark = [pytest.mark.django_db, pytest.mark.no_database]

# A path below the language prefix, then the facts on that page: name | Chinese | English. "…" matches any words.
STATED = """
about/
the Society's name | 中国职业技术教育学会（CSTVE） | Chinese Society of Technical and Vocational Education (CSTVE)
its nature | （CSTVE）是全国性学术团体 | (CSTVE) is a national academic institution
its founding | 成立于1990年12月 | founded in December 1990
its leadership | 在…的领导和管理下 | under the leadership and administration of the Ministry
Ministry of Education | 在教育部 | of the Ministry of Education and
Ministry of Civil Affairs | 和民政部 | and the Ministry of Civil Affairs
the Department's name | 国际合作与交流部 | International Cooperation and Exchange Department
its short name | 国际合作与交流部（简称“国际部”） | Exchange Department (“International Department”)
internal body | 是中国职业技术教育学会的内设机构 | is an internal body of the Chinese Society of Technical
position and functions | 定位和职能以《国家…》为依据 | position and functions follow from the National Plan
National Plan | 《国家中长期教育改革和发展规划纲要（ | National Plan for Medium and Long-term Education Reform
years of the plan | 规划纲要（2010—2020年）》 | Education Reform and Development (2010–2020)
mission | 我国职业教育的国际交流与合作 | international exchange and cooperation in vocational education in China
overseas resources | 引进境外优质教育资源 | brings in high-quality educational resources from overseas
platform | 为中外职业教育机构和院校搭建…平台 | platform on which Chinese and foreign vocational institutions
partners in the world | 与世界各地的院校和伙伴 | With colleges and partners around the world
commitment | 致力于我国职业教育的国际化 | committed to the internationalisation of Chinese vocational education
principle: central task | 工作原则 围绕中心 | Principle Focus on the central task
principle: overall interest | 围绕中心、服务大局 | central task, serve the overall interest
principle: grass roots | 服务大局、面向基层 | overall interest, reach out to the grass roots
principle: front line | 面向基层、服务一线 | grass roots, serve the front line
first type | 三类项目 国际应用科学课程改革 | Three types of program International Applied Science Curriculum Reform
second type | 课程改革 国际教育项目评估 | Curriculum Reform Evaluation of international educational programs
third type | 项目评估 职业教育投融资 | educational programs Financing of vocational education
three service centres | 三大服务中心 国际交流合作服务中心 | Three service centres International Exchange and Cooperation
institutions-abroad/
platform | 为中外职业教育机构和院校搭建对接平台 | platform on which Chinese and foreign vocational institutions
overseas resources | 引进境外优质教育资源 | brings high-quality educational resources from overseas
partners | 英国、美国、澳大利亚、德国、日本、 | United Kingdom, the United States, Australia, Germany, Japan,
centre | 国际交流合作服务中心 | International Exchange and Cooperation Service Centre
programs/areas/curriculum-reform/
name | 国际应用科学课程改革 | International Applied Science Curriculum Reform
curriculum and quality-control standards | 课程标准和质量控制标准 | curriculum and quality-control standards
programs/areas/evaluation/
name | 国际教育项目评估 | Evaluation of international educational programs
programs/areas/financing/
name | 职业教育投融资 | Financing of vocational education
centres/international-exchange/
name | 国际交流合作服务中心 | International Exchange and Cooperation Service Centre
foreign resources | 引进国外教育资源 | introduces foreign educational resources
platform | 国内外院校和职业教育机构…平台 | platform to colleges and vocational institutions at home and abroad
partners | 与英国、美国、澳大利亚、德国、 | partners in the United Kingdom, the United States, Australia, Germany,
more partners | 、日本、韩国、新西兰、荷兰等 | , Japan, Korea, New Zealand, the Netherlands and other
and others | 等国家和地区的伙伴合作 | and other countries and regions
centres/curriculum-reform/
name | 应用科学课程改革服务中心 | Applied Science Curriculum Reform Service Centre
whose standards | 中国职业技术教育学会…制定了 | Chinese Society of Technical and Vocational Education has developed
standards | 课程标准和质量控制标准 | curriculum and quality-control standards
match | 与国际体系相衔接 | match international systems
learning from Europe | 借鉴欧洲应用科学课程的先进质量标准 | Learning from advanced European quality standards
applied science | 应用科学课程的先进质量标准 | quality standards for applied-science curricula
research | 经分行业深入研究和讨论 | researched and discussed in depth, industry by industry
approval | 研究和讨论后获得批准 | industry by industry, before it was approved
aim: innovation | 职业院校国际教育的改革与创新 | reform and innovation of international education in vocational colleges
aim: new models | 有自身特色和优势的职业教育新模式 | new models … with their own character and strengths
aim: society | 增强院校服务社会的能力 | colleges that are better able to serve society
centres/evaluation-and-financing/
name | 项目评估与融资服务中心 | Program Evaluation and Financing Service Centre
support | 主要由中国职业技术教育学会支持 | Largely supported by the Chinese Society of Technical and
resources | 整合境外优质教育资源 | integrates good educational resources from overseas
funds | 引入国际投资基金 | brings in international investment funds
promotion | 推动国际合作项目 | Promote international cooperation programs
ways | 项目评估、项目评审和项目实施 | program evaluation, program assessment and program execution
aim: speed | 加快我国职业教育的国际化发展 | speed up the international development of vocational education in China
aim: quality | 提高职业教育的整体质量 | raise its overall quality
programs/teacher-exchange/
name | 教师交流 | Teacher exchange
vocational college | 职业院校可通过国际部 | vocational colleges can send and receive teachers
what it is | 与合作国家和地区开展教师交流 | Exchange teachers with partner countries and regions
programs/student-exchange/
name | 学生交流 | Student exchange
what it is | 与合作国家和地区开展学生交流 | Exchange students with partner countries and regions
programs/cooperative-courses/
name | 合作课程 | Co-operative courses
demand | 针对职业院校的需求 | meet the demand of vocational colleges
teaching | 引进境外先进的教学理念和教学方法 | Introduce advanced teaching philosophy and methods from abroad
guidance | 为教学改革提供指导和路线图 | guidance and a roadmap for the reform of teaching
programs/curriculum-standards/
name | 课程与质量控制标准 | Curriculum and quality-control standards
whose standards | 中国职业技术教育学会制定 | developed by the Chinese Society of Technical and Vocational Education
match | 与国际体系相衔接 | match international systems
learning from Europe | 借鉴了欧洲应用科学课程的先进质量标准 | learned from advanced European quality standards
approval | 经分行业深入研究和讨论后获得批准 | in depth, industry by industry, before it was approved
programs/resource-platform/
name | 资源平台 | Resource Platform
what it is | 综合性的教育资源与发展平台 | comprehensive platform of educational resources and development
reform | 帮助院校改革课程 | helps colleges reform their curricula
curriculum design | 专业的课程设计 | professional curriculum design
talent pool | 人才库建设 | building of a talent pool
programs/credit-recognition/
name | 学分互认 | Credit recognition
overseas institutions | 推动境外合作院校认可我国职业院校 | Seek recognition by overseas partner institutions
strong majors | 我国职业院校优势专业的学分 | credits of the strong majors of Chinese vocational colleges
students | 优秀学生就有机会赴境外学习或工作 | capable students the chance to study or work overseas
programs/qualification-certificates/
name | 资格证书 | Qualification certificates
what they are | 资格证书是国际交流合作服务中心…项目之一 | are among the programs of the International Exchange
programs/program-evaluation/
name | 项目评估与评审 | Program evaluation and assessment
what it is | 国际合作项目的评估、评审和实施 | evaluation, assessment and execution of international cooperation programs
programs/approval-support/
name | 项目报批支持 | Approval support
what it is | 在国际部协助下，准备教育项目报请政府审批所需的材料 | Prepare, with our help, the documents needed
of what | 教育项目报请政府审批 | government approval of an educational program
curriculum materials | 课程材料 | Curriculum materials
co-operation agreement | 合作协议 | Co-operation agreements
other documents | 政府审批所需的其他文件 | Other documents needed for government approval
programs/investment-services/
name | 投资服务 | Investment services
what they are | 合作项目提供投资服务 | offers investment services for cooperation programs
programs/investment-fund/
name | 国际投资基金 | International investment fund
what it is | 为合作项目引入国际投资基金 | Bring international investment funds into a cooperation program
partners/
name | 合作国家和地区 | Partner countries and regions
not the only ones | 与下列及其他国家和地区 | these and other countries and regions
contact/
floor and building | 富盛大厦19层 | 19th Floor, Fu Sheng Da Sha,
street and number | 惠新东街4号富盛大厦 | Fu Sheng Da Sha, No. 4 Huixin East Street
district and city | 北京市朝阳区惠新东街 | Huixin East Street, Chaoyang District, Beijing
postcode | 邮政编码：100029 | Postcode 100029
telephones | 010-53656705 010-53656307 010-53656785 | +86 10 5365 6705 +86 10 5365 6307 +86 10 5365 6785
contact persons | 联系人：Gu 先生、Dai 女士 | Contacts: Mr. Gu and Ms. Dai
enquiry | 提交咨询 | Submit an enquiry
country or region | 国家或地区 | Country or region
privacy/
whose address it is | 中国职业技术教育学会国际合作与交流部 | (“International Department”) of the Chinese Society
first telephone | 电话：010-53656705、 | Telephone: +86 10 5365 6705,
second telephone | 、010-53656307、 | , +86 10 5365 6307,
third telephone | 、010-53656785。 | , +86 10 5365 6785.
how long an enquiry is kept | 在咨询办结后保存24个月 | for 24 months after your enquiry is closed
how long spam is kept | 被认定为垃圾信息的，30天后删除 | spam is erased after 30 days
when consent is withdrawn | 您撤回同意的，立即删除 | withdraw your consent, your data are erased at once
who sees an enquiry | 每次打开咨询都有记录 | Each time one of them opens an enquiry, that is recorded
network addresses | 不保存地址本身 | does not keep the address itself
no third party | 不向任何第三方提供 | give the data to no third party
only cookie | 只设置表单所需的Cookie | The only cookie that this site sets is the one that a form needs
"""

COUNTRIES = [
    ("GB", "united-kingdom", "英国", "United Kingdom", "伦敦", "London", 51.51, -0.13),
    ("US", "united-states", "美国", "United States", "华盛顿", "Washington, D.C.", 38.91, -77.04),
    ("AU", "australia", "澳大利亚", "Australia", "堪培拉", "Canberra", -35.28, 149.13),
    ("DE", "germany", "德国", "Germany", "柏林", "Berlin", 52.52, 13.41),
    ("JP", "japan", "日本", "Japan", "东京", "Tokyo", 35.68, 139.65),
    ("KR", "korea", "韩国", "Korea", "首尔", "Seoul", 37.57, 126.98),
    ("NZ", "new-zealand", "新西兰", "New Zealand", "惠灵顿", "Wellington", -41.29, 174.78),
    ("NL", "netherlands", "荷兰", "Netherlands", "阿姆斯特丹", "Amsterdam", 52.37, 4.90),
]

EXCHANGE, REFORM, FUNDING = (
    f"centres/{slug}/" for slug in ("international-exchange", "curriculum-reform", "evaluation-and-financing")
)
CURRICULUM, EVALUATION, FINANCING = (
    f"programs/areas/{slug}/" for slug in ("curriculum-reform", "evaluation", "financing")
)
# The pages of the type and the centres of each program. Some programs have no type.
PROGRAMS = {
    "programs/teacher-exchange/": {EXCHANGE},
    "programs/student-exchange/": {EXCHANGE},
    "programs/cooperative-courses/": {CURRICULUM, EXCHANGE, REFORM},
    "programs/curriculum-standards/": {CURRICULUM, REFORM},
    "programs/resource-platform/": {CURRICULUM, REFORM},
    "programs/credit-recognition/": {EVALUATION, EXCHANGE},
    "programs/qualification-certificates/": {EVALUATION, EXCHANGE},
    "programs/program-evaluation/": {EVALUATION, FUNDING},
    "programs/approval-support/": {EVALUATION, FUNDING},
    "programs/investment-services/": {FINANCING, EXCHANGE, FUNDING},
    "programs/investment-fund/": {FINANCING, FUNDING},
}
HOMES = [EXCHANGE, REFORM, FUNDING, CURRICULUM, EVALUATION, FINANCING]

# What the department did not tell or asked not to publish, as patterns that no page may match: Chinese, English.
UNKNOWN = {
    "e-mail address": ("@|mailto", "@|mailto"),
    "website": ("官网|官方网站|https?:", "official (?:web)?site|https?:"),
    "ICP filing number": ("ICP|备案", "ICP|filing"),
    "public-security filing number": ("公安|网安", "网安|public.security"),
    "WeChat account": ("微信|公众号", "WeChat"),
    "opening hours": ("(?:办公|开放|工作|营业)时间", "open:|(?:opening|office|business) hours"),
    "partner institutions": ("合作院校和机构|合作院校名单", "^partner institutions$"),
    "news": ("新闻|动态", r"\bnews"),
    "reply time": ("工作日|小时内|日内|天内", r"within \w+ (?:working )?(?:day|hour)"),
    "number of countries": (
        r"[\d一二三四五六七八九十]+个(?:合作)?(?:国家|地区)",
        r"\b(?:\d+|eight) (?:\w+ )?countries",
    ),
    "registered names of centres": ("官方|正式名称|注册", "official|registered"),
}

TELEPHONES = {
    "zh-hans": {"010-53656705", "010-53656307", "010-53656785"},
    "en": {"+86 10 5365 6705", "+86 10 5365 6307", "+86 10 5365 6785"},
}
TELEPHONE_LINKS = {"tel:+86-10-5365-6705", "tel:+86-10-5365-6307", "tel:+86-10-5365-6785"}
# Great-circle distances (km) and true bearings (degrees) from Beijing, in the order of COUNTRIES.
DISTANCES = {"8,140", "11,150", "9,010", "7,360", "2,090", "950", "10,780", "7,820"}
BEARINGS = {"324", "11", "153", "320", "96", "102", "140", "323"}
RINGS = {"3,000", "6,000", "9,000", "12,000"}
YEARS = {"1990", "2010", "2020"}
# Month of founding, floor, house, postcode, months of keeping, programs, days of keeping; then the site's own limits.
NUMBERS = {"12", "19", "4", "100029", "24", "11", "30"} | {"2.2", "320", "400", "5,000", "5000", "10"}
NUMBERS |= DISTANCES | BEARINGS | RINGS | {str(number) for number in range(1, len(COUNTRIES) + 1)}
FIGURES = re.compile(
    r"(?P<email>[^\s@]+@[^\s@]+)|(?P<telephone>\+?\d[\d -]{6,}\d)"
    r"|(?P<year>(?<!\d)(?:19|20)\d\d(?!\d))|(?P<number>\d+(?:[.,]\d+)*)"
)
TITLES = {
    "《国家中长期教育改革和发展规划纲要（2010—2020年）》",
    "《中华人民共和国个人信息保护法》",
    "《Web内容无障碍指南》",
}
LATIN_WORDS = {"CSTVE", "Gu", "Dai", "Web", "WCAG", "AA", "JavaScript", "Cookie", "axe", "UTC"}
LATIN_WORDS |= {"PDF", "Word", "Excel", "PowerPoint", "PNG", "JPEG", "MB"}
TERRITORIES = Locale.parse("zh_Hans").territories.items()
FOREIGN_TERRITORIES = {name for _code, name in TERRITORIES} - {"中国", "世界", "欧洲"} - {row[2] for row in COUNTRIES}

NAMES = """
Chinese Society of Technical and Vocational Education|CSTVE|Society|Chinese|China|European|English
International Cooperation and Exchange Department|International Department|Department|December
Ministry of Education|Ministry of Civil Affairs
National Plan for Medium and Long-term Education Reform and Development
International Applied Science Curriculum Reform|Resource Platform
International Exchange and Cooperation Service Centre|Applied Science Curriculum Reform Service Centre
Program Evaluation and Financing Service Centre
United Kingdom|United States|Australia|Germany|Japan|Korea|New Zealand|Netherlands
Beijing|N|E|S|W|QR|London|Washington, D.C.|Canberra|Berlin|Tokyo|Seoul|Wellington|Amsterdam
19th Floor, Fu Sheng Da Sha, No. 4 Huixin East Street, Chaoyang District, Beijing|Mr. Gu|Ms. Dai
Personal Information Protection Law|People’s Republic of China|Web Content Accessibility Guidelines|WCAG|AA|JavaScript
PDF|Word|Excel|PowerPoint|PNG|JPEG|MB|UTC
"""
# Ordinary words that may be capitalised, but only at the start of a sentence, heading, list item or link.
FIRST_WORDS = """
A About Accessibility Address Advanced All Along Already An And Approval As Ask At Attachments Bearing Besides Bring
Browse By Capital Choose Co-operation Co-operative Code College Colleges Contact Contacts Cookies Countries Country
Credit Curriculum Distance Document Documents E-mail Each Enquiry Enter Evaluation Exchange File Financing Find
Focus For From Giving Glossary Have Home How I If Images In Internal International Introduce Investment Is It Its
Keep Keywords Known Language Largely Last Learn Learning Leave Letters Look Main Mission National No Not Of On Once
Only Other Our Overview Partner Partners Please Position Postcode Prepare Principle Print Privacy Program Programs
Promote Propose Purpose Qualification Quality-control Reach Read Recognised Recognition Reform Related Reporting
Resources Say Scan Search See Seek Serve Service Show Skip Strong Student Students Submit Supports Talent Teacher
Telephone Text That The There These They This Three Through Tick To Turn Type Types Under Vocational We What When
Where Whether Which While Who With Work You Your Yours
"""
LONGEST_FIRST = sorted(re.split(r"[|\n]", NAMES.strip()), key=len, reverse=True)
NAME = re.compile(rf"\b(?:{'|'.join(map(re.escape, LONGEST_FIRST))})(?!\w)")
FIRST_WORD = re.compile(rf"(?:^|[.?!:–(“] ?)(?:{'|'.join(FIRST_WORDS.split())})(?![\w-])")
INLINE = {"a", "em", "span", "strong"}
KEPT_TOGETHER = re.compile('<span class="kept-together">(.*?)</span>')


def stated():
    """Yields each fact as (path, name, Chinese, English)."""
    path = None
    for line in STATED.strip().splitlines():
        if "|" in line:
            yield path, *line.split(" | ")
        else:
            path = line
    for _code, slug, name, english, capital, english_capital, *_place in COUNTRIES:
        yield "partners/", english, f"{name} {capital}", f"{english} {english_capital}"
        yield f"partners/{slug}/", "name", f"合作国家和地区 {name}", f"Partner countries and regions {english}"
        yield f"partners/{slug}/", "capital", f"首都 {capital}", f"Capital {english_capital}"


FACTS = list(stated())


@cache
def tree(path):
    """The parsed page at `path`."""
    response = Client().get(path)
    assert response.status_code == 200, f"{path}: {response.status_code}"
    return html5lib.parse(KEPT_TOGETHER.sub(r"\1", response.content.decode()), namespaceHTMLElements=False)


def texts(element, language):
    """Yields (language, text) for each text in `element`, except code, addresses, dates and the options of a form."""
    if element.tag in {"script", "style", "select", "time"} or element.get("class") == "languages":
        return
    if element.get("translate") == "no":
        return
    language = element.get("lang", language).lower()
    space = "" if element.tag in INLINE else " "
    yield language, space + (element.text or "")
    for child in element:
        yield from texts(child, language)
        yield language, child.tail or ""
    yield language, space


def swept(page):
    """Yields (language, text) for a PublicPage, including what screen readers read out and search engines show."""
    yield from texts(tree(page.path), page.language)
    for element in tree(page.path).iter():
        yield from ((page.language, element.get(name, "")) for name in ("alt", "aria-label", "placeholder", "title"))
        if element.get("name") == "description":
            yield page.language, element.get("content")


def foreign(language, text):
    """The figures, addresses and names in `text` that are not among the facts."""
    allowed = {"telephone": TELEPHONES[language], "year": YEARS, "number": NUMBERS}
    found = [match[0] for match in FIGURES.finditer(text) if match[0] not in allowed.get(match.lastgroup, ())]
    if language == "en":
        return found + re.findall(r"\w*[A-Z][\w’-]*", FIRST_WORD.sub("", NAME.sub("_", text.strip())))
    found += [word for word in re.findall("[A-Za-z]+", text) if word not in LATIN_WORDS]
    found += [title for title in re.findall("《[^》]*》?", text) if title not in TITLES]
    return found + [name for name in FOREIGN_TERRITORIES if name in text]


@pytest.mark.parametrize("language", ["zh-hans", "en"])
@pytest.mark.parametrize(
    ("path", "name", "chinese", "english"), FACTS, ids=[f"{path} {name}" for path, name, *_ in FACTS]
)
def test_fact_is_on_its_page(path, name, chinese, english, language):
    wanted = chinese if language == "zh-hans" else english
    main = tree(f"/{language}/{path}").find(".//main")
    text = " ".join("".join(text for marked, text in texts(main, language) if marked == language).split())
    pattern = re.escape(wanted).replace("…", "[^。.]+")
    assert re.search(pattern, text), f"/{language}/{path} does not say {wanted!r} ({name}). It says: {text}"


def linked(path):
    """The paths, below the language prefix, that the main part of the page at `path` links to."""
    return {a.get("href", "").split("/", 2)[-1] for a in tree(path).find(".//main").iter("a")}


@pytest.mark.parametrize("language", ["zh-hans", "en"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_program_has_its_type_and_centres(program, language):
    found = linked(f"/{language}/{program}").intersection(HOMES)
    assert found == PROGRAMS[program], f"/{language}/{program} belongs to {found}"


@pytest.mark.parametrize("language", ["zh-hans", "en"])
@pytest.mark.parametrize("home", HOMES)
def test_type_or_centre_has_its_programs(home, language):
    found = linked(f"/{language}/{home}").intersection(PROGRAMS)
    assert found == {program for program in PROGRAMS if home in PROGRAMS[program]}, f"/{language}/{home} has {found}"


@pytest.mark.parametrize("country", COUNTRIES, ids=lambda country: country[1])
def test_country_is_in_its_place(country):
    row = Country.objects.get(iso_code=country[0])
    names = (row.iso_code, row.slug, row.name_zh_hans, row.name_en, row.capital_zh_hans, row.capital_en)
    assert (*names, float(row.latitude), float(row.longitude)) == country


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_telephones_are_links(language):
    links = tree(f"/{language}/contact/").findall(".//main//a[@class='telephone']")
    found = {a.get("href"): a.text for a in links}
    assert set(found) == TELEPHONE_LINKS, f"/{language}/contact/ links to {found}"
    assert set(found.values()) == TELEPHONES[language], f"/{language}/contact/ links to {found}"


@pytest.mark.parametrize("name", UNKNOWN)
def test_unknown_is_on_no_page(name):
    chinese, english = UNKNOWN[name]
    found = []
    for page in public_pages():
        pattern = re.compile(chinese if page.language == "zh-hans" else english, re.IGNORECASE)
        said = {match[0] for _marked, text in swept(page) for match in pattern.finditer(text.strip())}
        found += [f"{page.path} says {what!r}" for what in sorted(said)]
    assert not found, "\n".join(found)


def test_unknown_is_not_in_the_database():
    fields = ["email", "website", "icp_number", "public_security_number", "wechat_account", "wechat_code"]
    fields += ["opening_hours_zh_hans", "opening_hours_en"]
    filled = {field: getattr(Department.current(), field) for field in fields}
    assert not any(filled.values()), filled
    assert not [*Institution.objects.all(), *Question.objects.all()]


@pytest.mark.parametrize(
    ("language", "text", "seen"),
    [
        ("en", "The Department works with Oxford. Siemens is a partner", ["Oxford", "Siemens"]),
        ("en", "Telephone +86 10 1234 5678 or +86 10 5365 6705.", ["+86 10 1234 5678"]),
        ("en", "from 1990 to 1991, 20,000 students; a@example.org", ["1991", "20,000", "a@example.org"]),
        ("zh-hans", "成立于1990年，2015年与TAFE在法国签约", ["2015", "TAFE", "法国"]),
        ("zh-hans", "依据《职业教育法》，致电010-12345678", ["010-12345678", "《职业教育法》"]),
    ],
)
def test_sweep_sees_what_is_foreign(language, text, seen):
    assert foreign(language, text) == seen


def test_no_page_states_another_fact(record_property):
    pages = public_pages()
    found = []
    for page in pages:
        said = {what for language, text in swept(page) for what in foreign(language, text)}
        links = {a.get("href", "") for a in tree(page.path).iter("a")} - TELEPHONE_LINKS
        said |= {link for link in links if urlsplit(link).scheme or urlsplit(link).netloc}
        found += [f"{page.path} says {what!r}" for what in sorted(said)]
    assert not found, "\n".join(found)
    assert len(pages) >= 60
    record_property("pages swept for foreign facts", len(pages))


def test_every_fact_is_checked(record_property):
    assert len({(path, name) for path, name, *_patterns in FACTS}) == len(FACTS)
    checked = len(FACTS) + len(PROGRAMS) + len(COUNTRIES) + len(TELEPHONE_LINKS) + len(UNKNOWN)
    assert checked >= 157
    record_property("facts checked", checked)
