"""`router up`"""

from __future__ import annotations

from functools import partial

import click

from ..app import load_book, require_keys
from ..io.folder import read_tiers
from ..settings import Settings
from .house import House
from .printing import SIMULATED


@click.command(epilog="Example: router up --provider local")
@click.option(
    "--provider",
    type=click.Choice(["local", "env"]),
    default="env",
    show_default=True,
    help="local: models of our own, no key; env: the models of tiers.yaml, with your keys.",
)
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="Worker processes.")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="Of HTTP; 0: a free one.")
def command(provider: str, workers: int, port: int) -> int:
    """Run an embedded server (its state is kept), workers and HTTP on this machine until Ctrl-C, which drains them."""
    settings = Settings.from_env()
    local = provider == "local"
    if not local:
        require_keys(settings, read_tiers(settings.tiers_file).values())
    house = House(settings, directory=settings.state_dir, local=local, workers=workers, quiet=False, port=port)
    click.echo("starting the server, the workers and HTTP; this takes some seconds ...")
    with house:
        house.wait_until_ready()
        if local:
            click.echo(SIMULATED)
        click.echo(f"ready. In another shell:\n\n  export ROUTER_REDIS_URL={house.settings.redis_url}")
        if settings.policies != Settings().policies:
            click.echo(f"  export ROUTER_POLICIES={settings.policies.absolute()}")
        if local:  # a version of a policy names its models: published with others, tasks would ask for those
            click.echo(f"  export ROUTER_TIERS={house.settings.tiers_file}")
        click.echo("""  router task submit intents --input '{"text": "I want my money back"}' --wait\n""")
        click.echo(f"HTTP is at {house.address}, for this machine alone and without keys (--insecure):\n")
        click.echo(_example(house.address))
        click.echo(f"Dashboard: {house.address}/\n")
        if local and (untaught := _untaught(house.settings)):
            said = "The local models learn from examples, so tasks of these find no answer here"
            click.echo(f"{said}: {', '.join(untaught)}.")
        click.echo("Ctrl-C drains the workers and stops.")
        code = house.wait(partial(click.echo, err=True))
        click.echo("draining ...")
    return code


def _example(address: str) -> str:
    body = """{"model": "policy/intents", "messages": [{"role": "user", "content": "I want my money back"}]}"""
    return f"  curl {address}/v1/chat/completions -H 'content-type: application/json' -d '{body}'\n"


def _untaught(settings: Settings) -> list[str]:
    """The policies that the local models cannot serve: they have no examples, or want free text."""
    policies = load_book(settings).policies.values()
    return [policy.policy for policy in policies if not policy.examples or policy.output.kind == "text"]
