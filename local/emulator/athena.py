"""Athena's SQL on DuckDB: translate the dialect, and type nested columns as Glue does."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import sqlglot
from sqlglot import exp

from local.emulator.pin import HookPoint

_RUN = HookPoint("services.athena", "_run_duckdb", ("query", "database", "catalog"))
_DUCKDB_TYPE = HookPoint("services.athena", "_duckdb_type", ("column",))
_AS_TEXT = HookPoint("services.athena", "_datum_text", ("value",))
_HIVE_TYPE = HookPoint("services.firehose", "_hive_to_duckdb_type", ("hive_type",))

RunQuery = Callable[[str, str, str | None], Awaitable[dict[str, Any]]]


def install() -> None:
    """Translate every query on its way to DuckDB.

    Raises:
        HookError: If MiniStack has no such place any more.
    """
    _HIVE_TYPE.current()
    _RUN.replace(_translating)
    _DUCKDB_TYPE.replace(lambda _flat: _nested_type)
    _AS_TEXT.replace(lambda _plain: as_text)


def translate(query: str) -> str:
    """Return an Athena query as DuckDB's SQL.

    Raises:
        sqlglot.errors.ParseError: If Athena would not understand the query either.
    """
    statements = [part for part in sqlglot.parse(query, read="athena") if part is not None]
    for statement in statements:
        if isinstance(statement, exp.Select):
            _name_columns(statement)
    return ";\n".join(statement.sql(dialect="duckdb") for statement in statements)


def _name_columns(select: exp.Select) -> None:
    """Name a result's nameless columns `_col0`, `_col1` ... by their place, as Athena does."""
    named = [
        column
        if isinstance(column, (exp.Alias, exp.Column, exp.Star))
        else exp.alias_(column, f"_col{place}")
        for place, column in enumerate(select.expressions)
    ]
    select.set("expressions", named)


def _translating(run: RunQuery) -> RunQuery:
    async def run_translated(
        query: str, database: str, catalog: str | None = None
    ) -> dict[str, Any]:
        return await run(translate(query), database, catalog)

    return run_translated


def _nested_type(column: dict[str, Any]) -> str:
    """Return the DuckDB type of a Glue column, so that an empty table's arrays are arrays too."""
    return str(_HIVE_TYPE.current()(str(column.get("Type", "string"))))


def as_text(value: Any) -> str:
    """Return a value as Athena writes it in a result.

    >>> as_text([{"box": [0.5], "score": 1.0}])
    '[{box=[0.5], score=1.0}]'
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        zone = " UTC" if value.tzinfo else ""
        return f"{value:%Y-%m-%d %H:%M:%S}.{value.microsecond // 1000:03d}{zone}"
    if isinstance(value, list):
        return f"[{', '.join(as_text(item) for item in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}={as_text(item)}' for key, item in value.items())}}}"
    return "null" if value is None else str(value)
