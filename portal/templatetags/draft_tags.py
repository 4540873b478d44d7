"""What templates of the admin show of drafts."""

from django import template

from portal.bilingual import draft_admin

register = template.Library()


@register.simple_tag(takes_context=True)
def planned_drafts(context) -> list:
    """Returns draft_admin.planned_drafts() for the user."""
    return draft_admin.planned_drafts(context["request"])
