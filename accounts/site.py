"""Who may open Administration."""

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest

from .forms import LoginForm


class PanelAdminSite(AdminSite):
    """Opens to whoever may see anything in it, by a group such as Administrator; being “staff” is not needed."""

    login_form = LoginForm

    def has_permission(self, request: HttpRequest) -> bool:
        if super().has_permission(request):
            return True
        models: list[Any] = [*self._registry.values()] if request.user.is_active else []
        return any(model.has_view_permission(request) for model in models)
