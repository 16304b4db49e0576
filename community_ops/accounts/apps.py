from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "community_ops.accounts"
    label = "accounts"
    verbose_name = "Accounts"
