"""`headcount query`: run the lake's named queries in Athena."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import boto3
import typer
from botocore.exceptions import BotoCoreError, ClientError
from pyathena import connect
from pyathena.cursor import DictCursor
from pyathena.error import Error as AthenaError
from rich.console import Console
from rich.table import Table

from headcount.errors import DeploymentError
from ops.deployment import PATIENCE, Deployment

if TYPE_CHECKING:
    from mypy_boto3_athena.client import AthenaClient


# Columns beyond which a table no longer fits a terminal.
WIDEST_TABLE = 6


def query(
    name: Annotated[str, typer.Argument(help="A named query; without it, they are listed.")] = "",
    stage: Annotated[str, typer.Option(help="Which deployment.")] = "dev",
    as_json: Annotated[bool, typer.Option("--json", help="Print rows as JSON.")] = False,
) -> None:
    """Run one of the lake's named queries, or list them."""
    deployment = Deployment.find(stage)
    session = boto3.session.Session()
    console = Console()
    if not name:
        for known in sorted(named_queries(session.client("athena", config=PATIENCE), deployment)):
            console.print(known, highlight=False)
        return
    sql, rows = run_named_query(session, deployment, name)
    if as_json:
        print(json.dumps({"sql": sql, "rows": rows}, indent=2, default=str))
        return
    if not rows:
        console.print("No rows. Firehose delivers with a delay: up to five minutes on AWS.")
    elif len(rows[0]) > WIDEST_TABLE:
        for row in rows:
            console.print(_as_block(row))
    else:
        table = Table(*rows[0])
        for row in rows:
            table.add_row(*(str(value) for value in row.values()))
        # Where nobody looks at a terminal, nothing is cut to its width.
        console.print(table, width=None if console.is_terminal else 200)


def _as_block(row: dict[str, Any]) -> Table:
    """Return one row as a line a column: a chain of causes is read from top to bottom."""
    block = Table("", "", show_header=False, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name, value in row.items():
        block.add_row(name, str(value))
    block.add_section()
    block.add_row("", "")
    return block


def named_queries(athena: "AthenaClient", deployment: Deployment) -> dict[str, str]:
    """Return the SQL of every named query of the deployment's workgroup, by name.

    Raises:
        DeploymentError: If Athena does not say.
    """
    pages = athena.get_paginator("list_named_queries").paginate(
        WorkGroup=deployment.athena_workgroup_name
    )
    try:
        ids = [query_id for page in pages for query_id in page["NamedQueryIds"]]
        found = [athena.get_named_query(NamedQueryId=query_id)["NamedQuery"] for query_id in ids]
    except (BotoCoreError, ClientError) as fault:
        raise DeploymentError(
            f"Athena does not list the queries of {deployment.athena_workgroup_name}: {fault}\n"
            "The caller needs athena:ListNamedQueries and athena:GetNamedQuery."
        ) from fault
    return {
        entry["Name"]: entry["QueryString"]
        for entry in found
        if entry["Database"] == deployment.lake_database_name
    }


def run_named_query(
    session: boto3.session.Session,
    deployment: Deployment,
    name: str,
    endpoint_url: str | None = None,
) -> tuple[str, list[dict[str, Any]]]:
    """Return the SQL of a named query and its rows, by column.

    Args:
        session: Gives region and credentials.
        deployment: Whose workgroup and lake.
        name: The named query.
        endpoint_url: Of Athena and S3; by default AWS's.

    Raises:
        DeploymentError: If there is no such query, or Athena could not run it.
    """
    athena = session.client("athena", endpoint_url=endpoint_url, config=PATIENCE)
    named = named_queries(athena, deployment)
    if name not in named:
        raise DeploymentError(
            f"There is no query {name!r} in workgroup {deployment.athena_workgroup_name}.\n"
            f"It has {', '.join(sorted(named)) or 'none'}."
        )
    try:
        with connect(
            session=session,
            work_group=deployment.athena_workgroup_name,
            schema_name=deployment.lake_database_name,
            region_name=session.region_name,
            endpoint_url=athena.meta.endpoint_url,
            cursor_class=DictCursor,
            poll_interval=0.2,
        ) as connection:
            rows = connection.cursor().execute(named[name]).fetchall()
    except AthenaError as fault:
        raise DeploymentError(
            f"Athena could not run {name!r}: {fault}\n"
            "The caller needs the workgroup's rights and s3:GetObject on the lake."
        ) from fault
    return named[name], [dict(row) for row in rows]
