"""Where a caller wants to be told, and signatures that others' libraries take."""

from __future__ import annotations

import json
import time

import pytest
from openai import InvalidWebhookSignatureError, OpenAI
from pydantic import ValidationError
from standardwebhooks import Webhook as Receiver
from standardwebhooks import WebhookVerificationError

from router.destination import Allowed
from router.errors import FormatTooNew
from router.webhook import Dialect, Secret, Webhook, headers, new_secret, signature

ONE = Secret("a", new_secret(bytes(range(32))), 0)
OTHER = Secret("b", new_secret(bytes(range(1, 33))), 0)
BODY = json.dumps({"id": "evt_t1", "type": "response.completed", "created_at": 1, "data": {"id": "resp_1"}}).encode()


def signed(*secrets: Secret, body: bytes = BODY) -> dict[str, str]:
    return headers(secrets, message="evt_t1_succeeded", timestamp_s=int(time.time()), body=body)


def test_a_signature_is_that_of_the_specification() -> None:
    """The example of the Standard Webhooks reference library, number by number."""
    signed = signature(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        message="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp_s=1614265330,
        body=b'{"test": 2432232314}',
    )

    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("body", [BODY, '{"text": "Größe – 大きさ 🧾"}'.encode(), b"{}"])
def test_the_reference_library_takes_it(body: bytes) -> None:
    """Whoever verifies by Standard Webhooks reads what was sent."""
    assert Receiver(ONE.text).verify(body, signed(ONE, body=body)) == json.loads(body)


def test_openai_s_sdk_unwraps_it() -> None:
    """A receiver that was written for OpenAI's webhooks needs another secret, and nothing else."""
    client = OpenAI(api_key="none", webhook_secret=ONE.text)

    event = client.webhooks.unwrap(BODY, signed(ONE))

    assert event.type == "response.completed"
    assert event.data.id == "resp_1"


@pytest.mark.parametrize("known", [ONE, OTHER])
def test_while_two_secrets_are_live_a_receiver_may_know_either(known: Secret) -> None:
    """A rotation loses nobody: there is a signature by each."""
    both = signed(ONE, OTHER)

    assert len(both["webhook-signature"].split(" ")) == 2
    assert Receiver(known.text).verify(BODY, both) == json.loads(BODY)
    assert OpenAI(api_key="none").webhooks.unwrap(BODY, both, secret=known.text).id == "evt_t1"


@pytest.mark.parametrize("change", ["body", "webhook-id", "webhook-timestamp", "secret"])
def test_what_was_changed_on_the_way_is_refused(change: str) -> None:
    """Id, time and body are all signed."""
    sent, body, secret = signed(ONE), BODY, OTHER.text if change == "secret" else ONE.text
    match change:
        case "body":
            body += b" "
        case "webhook-id":
            sent["webhook-id"] += "x"
        case "webhook-timestamp":
            sent["webhook-timestamp"] = str(int(sent["webhook-timestamp"]) - 1)

    with pytest.raises(WebhookVerificationError):
        Receiver(secret).verify(body, sent)
    with pytest.raises(InvalidWebhookSignatureError):
        OpenAI(api_key="none").webhooks.unwrap(body, sent, secret=secret)


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_?", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "secret"])
def test_signs_with_nothing_that_is_no_secret(text: str) -> None:
    """An empty key would sign what anybody can forge."""
    with pytest.raises(ValueError) as why:
        signature(text, message="m", timestamp_s=1, body=b"")

    assert "router webhook secret create" in str(why.value)


def test_a_secret_is_made_of_enough_chance() -> None:
    """32 bytes give a secret of the usual form, fewer none."""
    assert ONE.text == "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    with pytest.raises(ValueError) as why:
        new_secret(b"short")
    assert "5 random bytes are too few" in str(why.value)


def test_a_secret_lives_until_it_expires() -> None:
    """Without an expiry it lives until it is dropped."""
    assert ONE.live(10**15)
    assert [Secret("a", "x", 0, 100).live(at_ms) for at_ms in (99, 100)] == [True, False]


@pytest.mark.parametrize(
    "webhook",
    [
        Webhook(url="https://example.com/a?b=c%20d"),
        Webhook(url="https://example.com", payload="full"),
        Webhook(url="https://example.com", dialect=Dialect.RESPONSE),
    ],
)
def test_is_read_back_as_it_was_stored(webhook: Webhook) -> None:
    """The stored word holds all of it."""
    assert Webhook.of_word(webhook.word) == webhook
    assert Webhook.model_validate(webhook.told) == webhook


def test_says_what_was_asked_for_alone() -> None:
    """A body that does not ask for more is the same body when there is more to ask for."""
    assert Webhook(url="https://example.com").told == {"url": "https://example.com"}


@pytest.mark.parametrize("url", ["example.com", "https://u:p@example.com", "https://example.com/a b", "file:///etc"])
def test_what_is_no_address_is_none_of_a_webhook(url: str) -> None:
    """The form is checked wherever a webhook comes from."""
    with pytest.raises(ValidationError) as why:
        Webhook(url=url)

    assert "the webhook's url is not taken: " in str(why.value)


def test_a_response_is_not_told_in_full() -> None:
    """OpenAI's events have no place for it: who asks for it is told, not given less."""
    with pytest.raises(ValidationError) as why:
        Webhook(url="https://example.com", payload="full", dialect=Dialect.RESPONSE)

    assert "a response is told thin, as OpenAI does" in str(why.value)


def test_where_it_may_be_sent_is_the_sender_s_to_say() -> None:
    """The form of an internal address is right; only the operator's setting lets it be told."""
    inside = Webhook(url="http://127.0.0.1:8080/hook")

    assert str(inside.problem(Allowed())).startswith("the webhook's url is not taken: 127.0.0.1 is not public")
    assert inside.problem(Allowed.read("127.0.0.1")) is None
    assert "must begin with https://" in str(Webhook(url="http://example.com").problem(Allowed()))


@pytest.mark.parametrize("word", ["telegram thin https://example.com", "task whole https://example.com"])
def test_words_of_a_later_version_are_not_guessed(word: str) -> None:
    """What is to be told in another way is not told in the nearest one that is known."""
    with pytest.raises(FormatTooNew, match="upgrade"):
        Webhook.of_word(word)
