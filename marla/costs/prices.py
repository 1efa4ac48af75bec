"""What AWS asks for what an execution uses: a dated table, by Region.

The table is `prices.json`, which says where its numbers are from. They are list prices, without free tier,
discounts and tax, and of the first tier where there are several.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from importlib import resources
from typing import Any

DEFAULT_REGION = "us-east-1"


@dataclass(frozen=True, kw_only=True)
class Prices:
    """Dollars a unit, exactly.

    Attributes:
        region: whose prices they are.
        as_of: the day on which the table was put together.
        lambda_gb_second: by architecture, arm64 or x86_64. A GB is 1,024 MB here, as AWS bills it.
        lambda_storage_gb_second: of temporary storage above 512 MB.
        transition: of a Standard workflow.
        express_request, express_gb_second: of an Express workflow.
        s3_write: PUT, COPY, POST and LIST.
        s3_read: GET and all others, but for DELETE, which costs nothing.
        notes: sentences about these prices.
    """

    region: str
    as_of: str
    lambda_gb_second: Mapping[str, Decimal]
    lambda_request: Decimal
    lambda_storage_gb_second: Decimal
    transition: Decimal
    express_request: Decimal
    express_gb_second: Decimal
    s3_write: Decimal
    s3_read: Decimal
    s3_gb_month: Decimal
    notes: tuple[str, ...] = ()


def prices_in(region: str) -> Prices:
    """Return the prices in a Region; those in us-east-1, and a note, where the table has none."""
    table = _table()
    known = table["regions"].get(region)
    row = table["everywhere"] | (known or table["regions"][DEFAULT_REGION])
    notes = [
        f"Prices are AWS's list prices as of {table['asOf']}, without free tier, discounts and tax.",
    ]
    if known is None:
        notes.append(f"The price table does not have {region}: these are the prices in {DEFAULT_REGION}.")
    return Prices(
        region=region if known else DEFAULT_REGION,
        as_of=table["asOf"],
        lambda_gb_second={name: Decimal(price) for name, price in row["lambdaGbSecond"].items()},
        lambda_request=Decimal(row["lambdaRequest"]),
        lambda_storage_gb_second=Decimal(row["lambdaStorageGbSecond"]),
        transition=Decimal(row["transition"]),
        express_request=Decimal(row["expressRequest"]),
        express_gb_second=Decimal(row["expressGbSecond"]),
        s3_write=Decimal(row["s3Write"]),
        s3_read=Decimal(row["s3Read"]),
        s3_gb_month=Decimal(row["s3GbMonth"]),
        notes=tuple(notes),
    )


def regions() -> list[str]:
    """Return the Regions that the table has."""
    return list(_table()["regions"])


def sources() -> list[str]:
    """Return where the table's numbers are from, a sentence each."""
    return list(_table()["sources"])


@functools.cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(
        resources.files(__package__).joinpath("prices.json").read_text("utf-8")
    )
    return table
