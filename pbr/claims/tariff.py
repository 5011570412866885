"""The tariff: what a route pays a family, in whole pence, by the day it engaged and what it has already earned."""

from __future__ import annotations

import polars as pl

from pbr.rulebook.model import Pack
from pbr.values import Share

ENGAGED = pl.col("engaged_on")


def fee(pack: Pack, parameter: str) -> pl.Expr:
    """A parameter's pence on the row's `engaged_on`; null before its first dated value."""
    dated = reversed(pack.parameters[parameter].values)
    return pl.coalesce([pl.when(each.start <= ENGAGED).then(pl.lit(each.value, dtype=pl.Int64)) for each in dated])


def left_for_family(pack: Pack) -> pl.Expr:
    """What all routes together can pay a family that has been paid nothing: the cap, less the attachment fee if any."""
    attachment = pack.tariff.attachment_fee
    return fee(pack, pack.tariff.family_cap) - (pl.lit(0) if attachment is None else fee(pack, attachment))


def funded_families(agreed: int | None, share: Share | None) -> int | None:
    """How many families are paid for at all: those agreed, or a share of them, rounded down; None where none were."""
    if agreed is None or share is None:
        return agreed
    return agreed * share.numerator // share.denominator
