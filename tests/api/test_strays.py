"""What is told of paths and methods that no route takes."""

from __future__ import annotations

import httpx
import pytest

from router.api import problems


async def test_unknown_paths_and_methods_are_problems(http: httpx.AsyncClient) -> None:
    """What the framework refuses has the same form, and 405 says what the route takes."""
    nowhere, wrong = await http.get("/v1/nowhere"), await http.post("/livez")

    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "unknown_route")
    assert (wrong.status_code, wrong.json()["code"], wrong.headers["allow"]) == (405, "method_not_allowed", "GET, HEAD")
    assert nowhere.headers["content-type"] == wrong.headers["content-type"] == problems.MEDIA_TYPE


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/chat/completions", "/v1/chat/completions"),
        ("/v1/v1/chat/completions", "/v1/chat/completions"),
        ("/v1/chat/completions/", "/v1/chat/completions"),
        ("//v1//tasks:batch", "/v1/tasks:batch"),
    ],
)
async def test_a_path_that_is_nearly_right_is_told_the_right_one(
    http: httpx.AsyncClient, path: str, meant: str
) -> None:
    """A `base_url` without `/v1`, with two of them, or with a slash too many."""
    answer = await http.post(f"http://router{path}", json={})

    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_route")
    assert answer.json()["detail"] == f"there is no {path!r} here; did you mean {meant!r}?"


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("POST", "/v1/responses/input_tokens"),
        ("POST", "/v1/responses/compact"),
        ("GET", "/v1/responses/resp_1/input_items"),
        ("POST", "/v1/embeddings"),
        ("GET", "/v1/files/file-1/content"),
    ],
)
async def test_what_openai_alone_has_is_told_as_such(http: httpx.AsyncClient, verb: str, path: str) -> None:
    """Also where its path could be that of something of ours."""
    answer = await http.request(verb, path)

    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_route")
    assert answer.json()["detail"].startswith(f"{path} is not offered here; of OpenAI's API chat completions")


@pytest.mark.parametrize(
    ("verb", "path", "allowed"),
    [
        ("PUT", "/v1/tasks", "GET, POST"),
        ("PATCH", "/v1/tasks/t1", "DELETE, GET"),
        ("POST", "/v1/dead/t1", "DELETE, GET"),
        ("GET", "/v1/tasks:batch", "POST"),
    ],
)
async def test_all_methods_of_a_path_are_told(http: httpx.AsyncClient, verb: str, path: str, allowed: str) -> None:
    """Whichever routes take them."""
    answer = await http.request(verb, path)

    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert answer.json()["detail"] == f"{path} does not take {verb}; it takes {allowed}"
