"""The administration pages of a Prime server: routes, the login, and the frame that loads the pages.

``ha_page`` and ``ise_page`` answer for the two pages that matter, ``api`` for the REST and event-stream part.
The markup is in ``templates``; it is built like the appliance's, with ids that differ at every load.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Route

from retrust_plugins.lab.pages.api import api_routes
from retrust_plugins.lab.pages.ha_page import HaPage
from retrust_plugins.lab.pages.ise_page import IsePage
from retrust_plugins.lab.pages.markup import TEMPLATES, render
from retrust_plugins.lab.pages.port import PagesNode, Session
from retrust_plugins.lab.pages.sessions import COOKIE, Sessions

LOGIN = "/webacs/pages/common/login.jsp"
HOME = "/webacs/welcomeAction.do"
BETWEEN = "/webacs/afterLogin.do"

Page = Callable[[Request], Awaitable[Response]]

MENU = {
    "Dashboard": {"Overview": ["General", "Network Health"]},
    "Monitor": {"Managed Elements": ["Network Devices", "Alarms and Events"]},
    "Configuration": {"Templates": ["Features & Technologies"], "Network": ["Network Devices"]},
    "Inventory": {"Device Management": ["Network Devices", "Software Images"]},
    "Reports": {"Reports": ["Report Launch Pad", "Scheduled Reports"]},
    "Administration": {
        "Dashboards": ["System Monitoring Dashboard", "Job Dashboard"],
        "Settings": ["System Settings", "High Availability", "Background Tasks", "Logging"],
        "Servers": ["ISE Servers", "MSE Servers", "ACS View Servers"],
        "Users": ["Users, Roles & AAA"],
    },
}


def web_app(node: PagesNode) -> Starlette:
    front = _Front(node)
    ha, ise = HaPage(node), IsePage(node)
    inside = front.sessions.required
    return Starlette(
        routes=[
            Route("/", front.to_login),
            Route("/webacs", front.to_login),
            Route(LOGIN, front.login),
            Route("/webacs/j_spring_security_check", front.check, methods=["POST"]),
            Route("/webacs/j_spring_security_logout", front.logout),
            Route("/webacs/js/prime.js", front.script),
            Route(HOME, inside(front.home)),
            Route(BETWEEN, inside(front.between)),
            Route(BETWEEN, inside(front.answered), methods=["POST"]),
            Route("/webacs/ha/page.do", inside(ha.page, "ha-page")),
            Route("/webacs/ha/status.do", inside(ha.status, "milestones")),
            Route("/webacs/ha/readiness.do", inside(ha.readiness, "readiness"), methods=["POST"]),
            Route("/webacs/ha/register.do", inside(ha.register, "register"), methods=["POST"]),
            Route("/webacs/iseServersAction.do", inside(ise.listing, "ise-list")),
            Route("/webacs/iseServersAction.do", inside(ise.command, "ise-form"), methods=["POST"]),
            Route("/webacs/iseServerSave.do", inside(ise.save, "save"), methods=["POST"]),
            *api_routes(node),
        ]
    )


class _Front:
    def __init__(self, node: PagesNode) -> None:
        self._node = node
        self.sessions = Sessions(node, LOGIN)

    async def to_login(self, request: Request) -> Response:
        return RedirectResponse(LOGIN, 302)

    async def login(self, request: Request) -> Response:
        return render("login.html", node=self._node, error="")

    async def check(self, request: Request) -> Response:
        node = self._node
        form = await request.form()
        if (form.get("j_username"), form.get("j_password")) != (node.web_username, node.web_password):
            node.failed_web_logins += 1
            return render("login.html", node=node, error="Invalid username or password. Please try again.")
        node.web_logins += 1
        answer = RedirectResponse(HOME if node.settings.pages.after_login == "home" else BETWEEN, 302)
        session = self.sessions.begin()
        answer.set_cookie(COOKIE, session.name, path="/webacs", secure=True, httponly=True)
        return answer

    async def logout(self, request: Request) -> Response:
        self.sessions.end(request)
        return RedirectResponse(LOGIN, 302)

    async def home(self, request: Request, session: Session) -> Response:
        greets = self._node.settings.pages.popup and not session.greeted
        session.greeted = True
        return render("home.html", node=self._node, pages=self._node.settings.pages, menu=MENU, greets=greets)

    async def between(self, request: Request, session: Session) -> Response:
        return render("between.html", asks=self._node.settings.pages.after_login, home=HOME, login=LOGIN)

    async def answered(self, request: Request, session: Session) -> Response:
        """What a button did that was more than a notice's."""
        self._node.web_answers.append(str((await request.form()).get("answer")))
        return RedirectResponse(HOME, 303)

    async def script(self, request: Request) -> Response:
        return FileResponse(TEMPLATES / "prime.js", media_type="text/javascript")
