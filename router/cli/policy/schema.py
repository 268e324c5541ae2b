"""`router policy schema`"""

from __future__ import annotations

import json

import click

from ...policyfile.editors import editor_schema


@click.command(name="schema", epilog="Example: router policy schema > policies/policy.schema.json")
def command() -> int:
    """Print the JSON Schema of policy files, for editors that complete and check YAML."""
    click.echo(schema_text(), nl=False)
    return 0


def schema_text() -> str:
    """What policies/policy.schema.json holds."""
    return json.dumps(editor_schema(), indent=2, ensure_ascii=False) + "\n"
