"""Tokens that we did not sign, or not for that, open nothing, by whatever way they come."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import time
from typing import Any

INVALID = "security.token.invalid"
UNREADABLE = "network.http.unexpected_error"
"""A zero byte stands in the query string."""
REFUSALS = {INVALID, UNREADABLE, "security.cookie.invalid"}
PASSWORD = "correct horse"


def encoded(part: object) -> str:
    text = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def signed(header: dict[str, Any], claims: dict[str, Any], secret: bytes) -> str:
    head = f"{encoded(header)}.{encoded(claims)}"
    return f"{head}.{encoded(hmac.digest(secret, head.encode(), hashlib.sha256))}"


def decoded(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    header, claims, _ = token.removeprefix("kauth-").split(".")
    first, second = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in (header, claims))
    return first, second


def forgeries(token: str) -> dict[str, str]:
    """Tokens that say they are an administrator's."""
    header, claims = decoded(token)
    head, body, signature = token.removeprefix("kauth-").split(".")
    forged = {
        f"alg {alg}": f"{encoded(header | {'alg': alg})}.{body}{end}"
        for alg in ("none", "None", "NONE", "nOnE", "")
        for end in (".", f".{signature}", "")
    }
    own = {"kid": "../../../../dev/null", "jwk": {"kty": "oct", "k": encoded(b"mine")}, "jku": "http://127.0.0.1/k"}
    for alg in ("HS256", "HS512", "RS256", "ES256"):
        forged[f"own secret, {alg}"] = signed(header | {"alg": alg} | own, claims, b"mine")
    for secret in (b"", b"null", b"undefined", b"secret", head.encode()):
        forged[f"secret {secret.decode()[:9]}"] = signed(header, claims, secret)
    forged |= {
        "other claims": f"{head}.{encoded(claims | {'_id': 'root', 'exp': int(time.time()) + 99_999})}.{signature}",
        "no signature": f"{head}.{body}.",
        "short": f"{head}.{body}.{signature[:-6]}",
        "long": f"{head}.{body}.{signature}{'A' * 9000}",
        "four parts": f"{head}.{body}.{signature}.{signature}",
        "twice": f"{head}.{body}.{signature}{head}.{body}.{signature}",
        "claims that are a list": f"{head}.{encoded([1])}.{signature}",
        "claims that are no JSON": f"{head}.{encoded(b'{')}.{signature}",
        "deep claims": f"{head}.{encoded(b'[' * 3000 + b']' * 3000)}.{signature}",
        "zero byte": f"{head}.{body}.\x00",
        "text": "null",
    }
    return {name: prefix + text for name, text in forged.items() for prefix in ("kauth-", "kapikey-", "")[:2]}


def whoami(fortress: Any, token: str) -> list[Any]:
    """Who a token's holder is, by each way that it can come: a user id, or the id of an error."""
    message = {"controller": "auth", "action": "getCurrentUser"}
    answers = [fortress.ask(None, message | {"jwt": token})]
    if token.isprintable() and token.isascii():
        answers.append(fortress.http.get("/_me", headers={"authorization": f"Bearer {token}"}).json())
        answers.append(fortress.http.get("/_me", headers={"cookie": f"authToken={token}"}).json())
    answers.append(fortress.http.get("/_me", params={"jwt": token}).json())
    assert all(answer["status"] in (200, 401) or answer["error"]["id"] == UNREADABLE for answer in answers), answers
    return [answer["error"]["id"] if answer["error"] else answer["result"]["_id"] for answer in answers]


def test_forged_tokens_open_nothing(fortress: Any) -> None:
    assert set(whoami(fortress, fortress.tokens["root"])) == {"root"}
    for name, token in forgeries(fortress.tokens["root"]).items():
        if len(token) < 8000:
            answers = whoami(fortress, token)
        else:
            message = {"controller": "auth", "action": "getCurrentUser", "jwt": token}
            answers = [fortress.ask(None, message)["error"]["id"]]
        assert set(answers) <= REFUSALS, (name, answers)


def test_ended_tokens_open_nothing(fortress: Any) -> None:
    body = {"username": "tenant", "password": PASSWORD}
    short = fortress.do(None, "auth:login", strategy="local", expiresIn=300, body=body)["jwt"]
    ended = fortress.do(None, "auth:login", strategy="local", body=body)["jwt"]
    answer = fortress.ask(None, {"controller": "auth", "action": "logout", "jwt": ended})
    assert answer["error"] is None
    key = fortress.do("tenant", "auth:createApiKey", body={"description": "x"})
    fortress.do("tenant", "auth:deleteApiKey", _id=key["_id"])
    deadline = time.monotonic() + 10
    while fortress.ask(None, {"controller": "auth", "action": "getCurrentUser", "jwt": short})["error"] is None:
        assert time.monotonic() < deadline
    for token in (short, ended, key["_source"]["token"]):
        assert set(whoami(fortress, token)) <= REFUSALS
        assert fortress.do(None, "auth:checkToken", body={"token": token})["valid"] is False
        assert fortress.ask(None, {"controller": "auth", "action": "refreshToken", "jwt": token})["status"] == 401


def test_a_session_token_is_no_api_key_nor_the_other_way_round(fortress: Any) -> None:
    key = fortress.do("tenant", "auth:createApiKey", body={"description": "x"}, expiresIn="1h")["_source"]["token"]
    token = fortress.tokens["tenant"]
    for swapped in (token.replace("kauth-", "kapikey-"), key.replace("kapikey-", "kauth-")):
        assert set(whoami(fortress, swapped)) <= REFUSALS
    refusal = fortress.ask(None, {"controller": "auth", "action": "refreshToken", "jwt": key})
    assert refusal["error"]["id"] == "security.token.refresh_forbidden"


USERNAMES = ("root", "nobody", "", "x" * 10_000, "root\x00", "%", "*", {"$ne": ""}, ["root"])
PASSWORDS = ("", "wrong", None, {"$ne": ""}, [PASSWORD], "x" * 100_000, "\ud800")


def test_no_password_opens_nothing(fortress: Any) -> None:
    for username, password in itertools.product(USERNAMES, PASSWORDS):
        body = {"username": username, "password": password}
        answer = fortress.ask(None, {"controller": "auth", "action": "login", "strategy": "local", "body": body})
        assert answer["status"] in (400, 401, 429), (body, answer)
        assert "jwt" not in json.dumps(answer["result"])


def test_only_administrators_give_rights(fortress: Any) -> None:
    content = {"profileIds": ["admin"]}
    for user, status in ((None, 401), ("tenant", 403)):
        for action, arguments in (
            ("security:createUser", {"_id": "evil", "body": {"content": content}}),
            ("security:updateUser", {"_id": "tenant", "body": content}),
            ("security:createApiKey", {"userId": "root", "body": {"description": "x"}}),
            ("security:createFirstAdmin", {"_id": "evil", "body": {"content": {}}}),
            ("security:createCredentials", {"_id": "root", "strategy": "local", "body": {"password": "x"}}),
            ("admin:loadSecurities", {"body": {"users": {"evil": {"content": content}}}}),
            ("admin:resetSecurity", {}),
            ("admin:resetDatabase", {}),
            ("admin:shutdown", {}),
        ):
            assert fortress.refused(user, action, **arguments)["status"] == status, (user, action)
    for body in (content, {"_id": "root"}, {"kuid": "root", "profileIds": []}):
        assert fortress.refused("tenant", "auth:updateSelf", body=body)["status"] == 400
    polluted = {"__proto__": content, "constructor": {"prototype": content}}
    fortress.do("tenant", "auth:updateSelf", body=polluted)
    assert fortress.do("tenant", "auth:getCurrentUser")["_source"]["profileIds"] == ["tenant"]
