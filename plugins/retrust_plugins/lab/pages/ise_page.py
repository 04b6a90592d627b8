"""Administration > Servers > ISE Servers: a legacy page, made of plain forms that replace one another."""

from __future__ import annotations

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from retrust_plugins.lab.ise import IseEntry, IseRefused
from retrust_plugins.lab.pages.markup import render
from retrust_plugins.lab.pages.port import PagesNode, Session

LIST = "/webacs/iseServersAction.do"
ADD, DELETE = "Add ISE Server", "Delete ISE Server(s)"


class IsePage:
    def __init__(self, node: PagesNode) -> None:
        self._node = node

    async def listing(self, request: Request, session: Session) -> Response:
        return self._list("")

    async def command(self, request: Request, session: Session) -> Response:
        form = await request.form()
        if form.get("command") == ADD:
            return self._form(FormData(), "")
        chosen = [str(address) for address in form.getlist("selected")]
        if form.get("command") == DELETE and chosen:
            for address in chosen:
                self._node.ise_servers.remove(address)
            return RedirectResponse(LIST, 303)
        return self._list(
            "Please select a command." if form.get("command") != DELETE else "Please select at least one ISE server."
        )

    async def save(self, request: Request, session: Session) -> Response:
        form = await request.form()
        try:
            await self._node.ise_servers.add(self._entry(form))
        except IseRefused as refusal:
            return self._form(form, str(refusal))
        return RedirectResponse(LIST, 303)

    def _entry(self, form: FormData) -> IseEntry:
        address_label, user_label, password_label, _ = self._node.settings.pages.ise_labels
        address, username = str(form.get("address", "")).strip(), str(form.get("userName", "")).strip()
        password = str(form.get("password", ""))
        for value, label in ((address, address_label), (username, user_label), (password, password_label)):
            if not value:
                raise IseRefused(f"{label} is required.")
        if form.get("confirmPassword") != password:
            raise IseRefused("The passwords do not match.")
        port = str(form.get("port", "")).strip() or str(self._node.lab.default_ise_port)
        if not port.isdigit() or not 0 < int(port) < 65536:
            raise IseRefused("Port is not valid.")
        return IseEntry(address, int(port), username, password)

    def _list(self, error: str) -> Response:
        return render(
            "ise_list.html",
            pages=self._node.settings.pages,
            error=error,
            add=ADD,
            delete=DELETE,
            entries=self._node.ise_servers.entries,
        )

    def _form(self, form: FormData, error: str) -> Response:
        return render(
            "ise_form.html",
            pages=self._node.settings.pages,
            error=error,
            values=form,
            default_port=self._node.lab.default_ise_port,
        )
