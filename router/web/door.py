"""Signing in and out, and the choice between dark and light."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from ..api.caller import Door
from ..api.problems import Refused
from .page import SIGN_IN, PageRoute, redirect, render
from .visitor import THEMES, Anybody, forget_key, keep_key, keep_theme, submitted

routes = APIRouter(route_class=PageRoute)


@routes.get(SIGN_IN)
async def sign_in_page(request: Request, visitor: Anybody, next: str = "/") -> Response:
    if request.app.state.backend.insecure:
        return redirect("/")
    return render(request, visitor, "signin.html", next=_ours(next), wrong=None)


@routes.post(SIGN_IN)
async def sign_in(request: Request, visitor: Anybody) -> Response:
    """Take an API key, and keep it where no script can read it."""
    form = await submitted(request, visitor)
    door: Door = request.app.state.door
    key, wanted = form.one("key").strip(), _ours(form.one("next"))
    try:
        await door.let_in(request, key)
    except Refused as why:
        if why.status_code != 401:
            raise
        wrong = why.detail if "expired" in why.detail else "This is no API key that is in use."
        return render(request, visitor, "signin.html", status=401, next=wanted, wrong=wrong)
    entered = redirect(wanted)
    keep_key(request, entered, key)
    return entered


@routes.post("/signout")
async def sign_out(request: Request, visitor: Anybody) -> Response:
    await submitted(request, visitor)
    left = redirect(SIGN_IN)
    forget_key(request, left)
    return left


@routes.post("/theme")
async def choose_theme(request: Request, visitor: Anybody) -> Response:
    """Go by what the system says, or be dark or light whatever it says."""
    form = await submitted(request, visitor)
    theme = form.one("theme")
    if theme not in THEMES:
        raise Refused(422, "invalid", f"the theme is one of {', '.join(THEMES)}")
    again = redirect(_ours(form.one("next")))
    keep_theme(again, theme)
    return again


def _ours(path: str) -> str:
    """A path on this host, whatever was asked for: nobody is sent elsewhere from here."""
    local = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and path.isascii()
    return path if local and "\\" not in path else "/"
