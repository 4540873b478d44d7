from django.db import migrations

NAMES = [
    ("课程材料", "Curriculum materials"),
    ("合作协议", "Co-operation agreements"),
    ("政府审批所需的其他文件", "Other documents needed for government approval"),
]


def as_rich_text(names):
    """Returns the list of `names` as the first content of released versions is stored."""
    items = "\n".join(f"<li>{name}</li>" for name in names)
    return f"<ul>\n{items}\n</ul>"


def list_first_documents(apps, schema_editor):
    """
    Makes a checklist of the documents that the introduction of approval support listed, and empties the introduction.

    A text that staff have changed, in either language, stays as it is.
    """
    Program, Material = (apps.get_model("programs", name) for name in ("Program", "Material"))
    chinese, english = map(as_rich_text, zip(*NAMES, strict=True))
    unchanged = Program.objects.filter(
        materials_introduction_zh_hans=chinese, materials_introduction_en=english, materials=None
    )
    for program in list(unchanged):
        for number, (name_zh_hans, name_en) in enumerate(NAMES, 1):
            Material.objects.create(
                program=program,
                sort_order=number * 10,
                name=name_zh_hans,
                name_zh_hans=name_zh_hans,
                name_en=name_en,
            )
        Program.objects.filter(pk=program.pk).update(
            materials_introduction=None, materials_introduction_zh_hans=None, materials_introduction_en=None
        )


class Migration(migrations.Migration):

    dependencies = [
        ("programs", "0005_resources_materials_certificates"),
    ]

    operations = [
        migrations.RunPython(list_first_documents, migrations.RunPython.noop),
    ]
