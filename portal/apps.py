from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PortalConfig(AppConfig):
    name = "portal"
    verbose_name = _("Portal")

    def ready(self):
        from allauth.mfa import signals

        from portal.sign_in import account_log

        signals.authentication_failed.connect(account_log.record_wrong_code)
        signals.authenticator_used.connect(account_log.record_recovery_code)
        signals.authenticator_added.connect(account_log.record_added)
        signals.authenticator_reset.connect(account_log.record_added)
        signals.authenticator_removed.connect(account_log.record_removed)
