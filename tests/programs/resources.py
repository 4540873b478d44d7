"""Resources and their files for tests. Their names are plainly of no real document."""

from datetime import date
from pathlib import Path

from django.core.files.base import ContentFile
from django.utils import timezone

from programs.models import Resource, ResourceFile, resource_storage
from tests.contact.files import PDF


def published(slug="sample-standard", languages=("zh_hans", "en"), **fields):
    """Returns a stored Resource that is published in `languages`."""
    texts = {
        "title_zh_hans": "示例课程标准",
        "title_en": "Sample curriculum standard",
        "summary_zh_hans": "示例摘要。",
        "summary_en": "A sample summary.",
        "kind": Resource.Kind.CURRICULUM_STANDARD,
    }
    since = {f"published_at_{language}": timezone.now() for language in languages}
    return Resource.objects.create(slug=slug, **texts | since | fields)


def with_file(resource, language="zh-hans", version="1.0", dated=date(2026, 3, 1), content=None, name="standard.pdf"):
    """Adds a version of the file to `resource` and returns the ResourceFile. Its content is its own by default."""
    content = PDF + f"{language} {version}".encode() if content is None else content
    file = ContentFile(content, name=name)
    return ResourceFile.objects.create(resource=resource, language=language, version=version, dated=dated, file=file)


def content(response):
    """Returns the content of a successful download."""
    assert response.status_code == 200, response.status_code
    return b"".join(response.streaming_content)


def on_disk():
    """Returns the names of the files in the storage of resources."""
    folder = Path(resource_storage().location)
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []
