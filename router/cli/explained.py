"""Stories on the screen: a task out of Redis, told by the version of the policy that it ran under."""

from __future__ import annotations

import asyncio

import click

from ..app import open_store
from ..errors import PolicyInvalid
from ..io.folder import read_tiers
from ..settings import Settings
from ..story import Story, tell
from ..tier import Tiers
from .printing import console, print_json
from .taskview import print_end, print_head, task_json
from .telling import WIDTH, print_steps, steps_json, story_text


def print_lived(task_id: str, settings: Settings, *, prompts: bool, as_json: bool) -> None:
    """Print the story of a task. Raises: UnknownTask, UnknownPolicy, StoreUnavailable."""
    story = asyncio.run(_lived(task_id, settings))
    if as_json:
        print_json({**task_json(story.record, story.policy.policy), "steps": steps_json(story)})
    else:
        print_story(story, prompts=prompts)


def print_story(story: Story, *, prompts: bool) -> None:
    """Print a whole task for people."""
    screen = console(WIDTH)
    print_head(screen, story.record, f"{story.policy.policy} {story.record.task.policy}")
    screen.print()
    if screen.is_terminal:
        print_steps(screen, story, prompts=prompts)
    else:
        click.echo(story_text(story, prompts=prompts))
    print_end(screen, story.record)


async def _lived(task_id: str, settings: Settings) -> Story:
    async with open_store(settings) as store:
        record = await store.read(task_id)
        policy = await store.policy(record.task.policy)
    return tell(policy, record, tiers_at_hand(settings))


def tiers_at_hand(settings: Settings) -> Tiers:
    """What is known here of the tiers; a version knows itself what they answered with."""
    try:
        return read_tiers(settings.tiers_file)
    except PolicyInvalid:
        return {}
