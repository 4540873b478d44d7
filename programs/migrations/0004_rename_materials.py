from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("programs", "0003_documents_we_help_prepare"),
    ]

    operations = [
        migrations.RenameField("program", "materials", "materials_introduction"),
        migrations.RenameField("program", "materials_zh_hans", "materials_introduction_zh_hans"),
        migrations.RenameField("program", "materials_en", "materials_introduction_en"),
    ]
