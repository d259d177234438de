"""Who may talk to the server: requests from this page and this machine, or with the token; uploads of sane size."""

import hmac
import ipaddress
import re
import socket
from dataclasses import dataclass, field
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
PAGE = re.compile(r"^/s/([0-9a-f]{32})/?$")


@dataclass(frozen=True)
class Refusal:
    """An answer instead of the page: a status and a sentence."""

    status: HTTPStatus
    text: str


@dataclass(frozen=True)
class Guard:
    """Checks each request before anything of it is used.

    A page of another site that the user has open can send requests to a server on this machine, also under a name of
    its own that it points here (DNS rebinding). Neither has our `Host` and `Origin`. Where the server listens on other
    addresses, the token has to be known as well; it comes in the address printed and stays as a cookie.

    Attributes:
        host: address listened on.
        token: secret of the session; "" where only this machine can connect.
    """

    host: str
    token: str = field(default="", repr=False)

    @property
    def local(self) -> bool:
        """Whether only this machine can connect."""
        return is_local(self.host)

    def check(self, path: str, headers: Any) -> Refusal | None:
        """None when the request may go on."""
        host = headers.get("Host", "")
        if not self._knows(_name(host)):
            said = f"This viewer is not called '{host[:80]}'. Use the address it printed."
            return Refusal(HTTPStatus.FORBIDDEN, said)
        origin = headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return Refusal(HTTPStatus.FORBIDDEN, "The request comes from another page.")
        if self.token and not self._has_token(path, headers):
            said = "This viewer needs its token: use the whole address it printed, with ?token=..."
            return Refusal(HTTPStatus.UNAUTHORIZED, said)
        return None

    def cookie(self, path: str) -> str | None:
        """The cookie to set on a request whose address brings the token; None for any other."""
        if not self.token or not self._equals(_query(path, "token")):
            return None
        return f"{self._cookie_name}={self.token}; HttpOnly; SameSite=Strict; Path=/"

    @property
    def _cookie_name(self) -> str:
        return "inface_viewer"

    def _knows(self, name: str) -> bool:
        if self.local:
            return name in _LOCAL
        if name in _LOCAL or name in (self.host, socket.gethostname().lower(), socket.getfqdn().lower()):
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def _has_token(self, path: str, headers: Any) -> bool:
        try:
            found = SimpleCookie(headers.get("Cookie", "")).get(self._cookie_name)
        except CookieError:
            found = None
        return self._equals(_query(path, "token")) or (found is not None and self._equals(found.value))

    def _equals(self, text: str) -> bool:
        return hmac.compare_digest(text.encode(), self.token.encode())


def is_local(host: str) -> bool:
    """Whether only this machine can connect to an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def page_of(path: str) -> str:
    """The key of the page that a request is for; "" for none."""
    found = PAGE.match(urlsplit(path).path)
    return found[1] if found else ""


def settled_page(path: str) -> str:
    """The key of the page that says that a drag has ended; "" for any other request."""
    path = urlsplit(path).path
    return page_of(path.removesuffix("settled")) if path.endswith("/settled") else ""


def _name(host: str) -> str:
    """The host's name without its port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _query(path: str, name: str) -> str:
    return parse_qs(urlsplit(path).query).get(name, [""])[0]
