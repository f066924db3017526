"""Who may speak to the review's server."""

from email.message import Message

import pytest

from training.review.door import SECURITY_HEADERS, Door

PORT = 8123


@pytest.fixture
def door() -> Door:
    return Door(PORT)


def headers(**fields: str) -> Message:
    message = Message()
    for name, value in ({"Host": f"127.0.0.1:{PORT}"} | fields).items():
        message[name.replace("_", "-")] = value
    return message


def test_a_token_opens_once(door: Door) -> None:
    token = door.token

    assert door.exchange(token) is not None
    assert door.exchange(token) is None
    assert door.token != token


@pytest.mark.parametrize("token", ["", "wrong", "é", "\ud800"])
def test_what_is_not_the_token_opens_nothing(door: Door, token: str) -> None:
    assert door.exchange(token) is None


def test_only_a_key_that_was_given_admits(door: Door) -> None:
    key = door.exchange(door.token)

    assert door.admits(headers(Authorization=f"Bearer {key}"))
    assert not door.admits(headers())
    assert not door.admits(headers(Authorization=f"Basic {key}"))
    assert not door.admits(headers(Authorization=f"Bearer {door.token}"))
    assert not door.admits(headers(Authorization="Bearer "))


def test_the_page_itself_is_heard(door: Door) -> None:
    assert door.is_for_us(headers())
    assert door.is_for_us(headers(Host=f"localhost:{PORT}", Origin=f"http://localhost:{PORT}"))
    assert door.is_for_us(headers(Sec_Fetch_Site="same-origin"))


@pytest.mark.parametrize(
    "fields",
    [
        {"Host": f"rebound.example:{PORT}"},
        {"Host": "127.0.0.1"},
        {"Host": f"127.0.0.1:{PORT + 1}"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": f"https://127.0.0.1:{PORT}"},
        {"Origin": f"http://127.0.0.1:{PORT + 1}"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
    ids=str,
)
def test_a_name_that_was_rebound_and_another_sites_page_are_not_heard(
    door: Door, fields: dict[str, str]
) -> None:
    assert not door.is_for_us(headers(**fields))


def test_nothing_from_elsewhere_is_loaded_and_nothing_is_cached() -> None:
    policy = SECURITY_HEADERS["Content-Security-Policy"]

    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "http" not in policy
    assert SECURITY_HEADERS["Cache-Control"] == "no-store"
