import django.db.models.deletion
from django.db import migrations, models

# FTS5 would divide words of letters again, but takes all characters beyond ASCII as letters. The keys hold nothing else.
SQLITE = ["CREATE VIRTUAL TABLE portal_searchpart USING fts5(keys, folded UNINDEXED, tokenize='ascii', detail='none')"]
POSTGRESQL = [
    "CREATE TABLE portal_searchpart (rowid bigint PRIMARY KEY, folded text NOT NULL, keys tsvector NOT NULL)",
    # Without statistics the planner always takes the index. For a common key it would otherwise read the whole table.
    "ALTER TABLE portal_searchpart ALTER COLUMN keys SET STATISTICS 0",
    # Without the list of pending changes, a search after many changes is as fast as any.
    "CREATE INDEX portal_searchpart_keys ON portal_searchpart USING gin (keys) WITH (fastupdate = off)",
]


def create_index(apps, schema_editor):
    for statement in POSTGRESQL if schema_editor.connection.vendor == "postgresql" else SQLITE:
        schema_editor.execute(statement)


def drop_index(apps, schema_editor):
    schema_editor.execute("DROP TABLE portal_searchpart")


class Migration(migrations.Migration):

    dependencies = [("portal", "0006_term_and_demo")]

    operations = [
        migrations.CreateModel(
            name="SearchEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=60)),
                ("row", models.PositiveBigIntegerField()),
                ("fingerprint", models.CharField(max_length=32)),
                ("parts", models.PositiveSmallIntegerField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("kind", "row"), name="portal_searchentry_one_a_row")
                ],
            },
        ),
        migrations.CreateModel(
            name="SearchText",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("language", models.CharField(choices=[("zh-hans", "Chinese"), ("en", "English")], max_length=10)),
                ("title", models.TextField()),
                ("text", models.TextField()),
                ("address", models.TextField()),
                (
                    "entry",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="portal.searchentry"),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("entry", "language"), name="portal_searchtext_one_a_language")
                ],
            },
        ),
        migrations.RunPython(create_index, drop_index),
    ]
