"""The learner of labels, and the algebra under it."""

from __future__ import annotations

import random

import pytest

from router.local.features import words
from router.local.kernel import Index, Kernel, cholesky, dot, inverse_columns
from router.local.labels import Labels
from router.local.page import Page

FRUIT = ["apple", "pear", "plum", "cherry", "grape", "melon"]
TOOLS = ["hammer", "saw", "drill", "wrench", "pliers", "chisel"]
NEUTRAL = ["please", "send", "the", "today", "with", "and", "one", "more"]


def a_text(luck: random.Random, stock: list[str], clear: float) -> str:
    """Some words, of which a few give the topic away, or not."""
    telling = [luck.choice(stock) for _ in range(2)] if luck.random() < clear else []
    return " ".join([*telling, *luck.choices(NEUTRAL, k=4)])


def a_corpus(seed: int, size: int, clear: float = 0.8) -> list[tuple[str, str]]:
    """Texts with their label; some say nothing of it."""
    luck = random.Random(seed)
    labels = [luck.choice(["fruit", "tools"]) for _ in range(size)]
    return [(a_text(luck, FRUIT if label == "fruit" else TOOLS, clear), label) for label in labels]


def a_learner(corpus: list[tuple[str, str]]) -> tuple[Kernel, Labels]:
    """A learner of that corpus."""
    index = Index.over([Page(text, ()) for text, _ in corpus], words)
    kernel = Kernel.over([(index, 1.0)], ridge=0.5)
    return kernel, Labels.learnt(kernel, [label for _, label in corpus])


def test_the_factor_and_its_inverse_multiply_to_one() -> None:
    """The inverse times the Cholesky factor is the identity, and the factor times itself the matrix."""
    matrix = [[4.0], [2.0, 3.0], [0.4, 0.1, 2.0]]

    lower = cholesky(matrix)
    columns = inverse_columns(lower)

    for j, column in enumerate(columns):
        product = [dot(row[j:], column) for row in lower[j:]]
        assert product == pytest.approx([1.0] + [0.0] * (len(product) - 1))
    assert [[dot(a, b) for b in lower[: i + 1]] for i, a in enumerate(lower)] == [pytest.approx(row) for row in matrix]


def test_what_is_said_of_a_text_unseen_is_what_training_without_it_says() -> None:
    """The leave-one-out formula agrees with really leaving one out."""
    pages = [Page(text, ()) for text, _ in a_corpus(seed=3, size=12)]
    index = Index.over(pages, words)
    targets = [1.0, -1.0] * 6
    kernel = Kernel.over([(index, 1.0)], ridge=0.5)
    unseen = kernel.unseen(targets, kernel.solve(targets))

    full = [[index.gram[max(i, j)][min(i, j)] for j in range(12)] for i in range(12)]
    gram = [[full[i][j] + 0.5 * (i == j) for j in range(12) if j != 4 and j <= i] for i in range(12) if i != 4]
    smaller = Kernel((), cholesky(gram), inverse_columns(cholesky(gram)))
    weights = smaller.solve(targets[:4] + targets[5:])

    assert unseen[4] == pytest.approx(dot(weights, full[4][:4] + full[4][5:]))


def test_probabilities_are_calibrated() -> None:
    """Of the answers given with about 90 % about nine in ten are right, and those in doubt are right less often."""
    kernel, learner = a_learner(a_corpus(seed=1, size=80))
    fresh = a_corpus(seed=2, size=600)

    beliefs = [(learner(kernel.likeness(Page(text, ()))), label) for text, label in fresh]
    sure = [belief.value == label for belief, label in beliefs if belief.probability >= 0.8]
    unsure = [belief.value == label for belief, label in beliefs if belief.probability < 0.8]
    stated = sum(belief.probability for belief, _ in beliefs) / len(beliefs)
    right = sum(belief.value == label for belief, label in beliefs) / len(beliefs)

    assert right == pytest.approx(stated, abs=0.06)
    assert sum(sure) / len(sure) > 0.93
    assert sum(unsure) / len(unsure) < 0.75


def test_a_text_without_a_known_word_gets_no_more_than_the_shares() -> None:
    """Who knows nothing says how common each label is."""
    corpus = a_corpus(seed=1, size=40)
    kernel, learner = a_learner(corpus)

    belief = learner(kernel.likeness(Page("zzz qqq", ())))

    assert belief.probability < 0.75
    assert sum(p for _, p in belief.options) == pytest.approx(1.0)
