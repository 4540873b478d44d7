from django.apps import AppConfig
from django.db.models import signals
from django.utils.translation import gettext_lazy as _


class PortalConfig(AppConfig):
    name = "portal"
    verbose_name = _("Portal")

    def ready(self):
        from allauth.mfa import signals as mfa
        from django.contrib.auth.models import Group

        from portal import content_version, roles, search_index
        from portal.bilingual import freshness, parity
        from portal.bilingual.editing import BilingualAdmin
        from portal.models import User
        from portal.sign_in import account_log
        from portal.terms import other_renderings
        from portal.translations.views import export_chosen

        # The titles, messages and choices of the admin show a group in the reader's language.
        Group.add_to_class("__str__", roles.shown_name)
        search_index.connect()
        parity.connect()
        freshness.connect()
        signals.post_migrate.connect(content_version.install_triggers, sender=self)
        BilingualAdmin.checks_of_texts.append(other_renderings)
        BilingualAdmin.actions.append(export_chosen)

        signals.pre_save.connect(account_log.record_disabled_password, sender=User)
        signals.post_save.connect(account_log.record_saved_user, sender=User)
        for model in (User, Group):
            signals.post_delete.connect(account_log.record_deleted, sender=model)
        mfa.authentication_failed.connect(account_log.record_wrong_code)
        mfa.authenticator_used.connect(account_log.record_recovery_code)
        mfa.authenticator_added.connect(account_log.record_added)
        mfa.authenticator_reset.connect(account_log.record_added)
        mfa.authenticator_removed.connect(account_log.record_removed)
