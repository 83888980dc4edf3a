"""Rows of the architecture campaign to counts, to what is wrong, and to `reports/architecture-campaign.*`."""

import os
import platform
from datetime import UTC, datetime
from typing import Any

import torch
from architecture_originals import WRAPPERS, names

MOST_PARAMETERS = 60_000_000
_WORDS = ("equal", "noted", "evident", "refused", "different", "crash")


def outcomes(rows: list[dict[str, Any]], way: str) -> dict[str, int]:
    """How often each outcome, over all files read this way (`inferred` or `named`)."""
    counts = dict.fromkeys(_WORDS, 0)
    for row in rows:
        for reads in row.get("reads", {}).values():
            counts[reads[way].partition(":")[0]] += 1
    return counts


def unhelped(rows: list[dict[str, Any]]) -> list[str]:
    """Files that are refused, or not read rightly, with `--backbone` too: advice to give it does not help there."""
    return sorted(
        f"{row['model']} ({wrapper}): {reads['named']}"
        for row in rows
        for wrapper, reads in row.get("reads", {}).items()
        if reads["named"] != "equal"
    )


def wrong(rows: list[dict[str, Any]]) -> list[str]:
    """Files whose features are silently different, or whose reading crashed."""
    return sorted(
        f"{row['model']} ({wrapper}, {way}): {outcome}"
        for row in rows
        for wrapper, reads in row.get("reads", {}).items()
        for way, outcome in reads.items()
        if outcome.startswith(("different", "crash"))
    )


def body(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Everything of the report, as JSON."""
    import timm
    import torchvision

    read_back = [row for row in rows if "reads" in row]
    skipped = {row["model"]: row["skipped"] for row in rows if "skipped" in row}
    left_out = {name: why for name, why in sorted(skipped.items()) if not why.startswith("60 million")}
    noted = {
        row["model"]: reads["inferred"]
        for row in read_back
        for reads in row["reads"].values()
        if reads["inferred"].startswith(("noted", "evident"))
    }
    return {
        "command": "python tests/field/architecture_campaign.py --rows rows.jsonl --write",
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.system()} {platform.machine()}, one of {os.cpu_count()} cores",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "timm": timm.__version__,
        "torchvision": torchvision.__version__,
        "models": len(read_back),
        "of": {kind: sum(row["model"].startswith(kind) for row in read_back) for kind in ("timm", "torchvision")},
        "files": len(WRAPPERS) * len(read_back),
        "too_large": len(skipped) - len(left_out),
        "left_out": left_out,
        "inferred": outcomes(read_back, "inferred"),
        "named": outcomes(read_back, "named"),
        "noted": dict(sorted(noted.items())),
        "read_without_being_named": sorted(
            row["model"] for row in read_back if row["reads"]["bare"]["inferred"] == "equal"
        ),
        "unhelped": unhelped(read_back),
        "wrong": wrong(read_back),
        "minutes": round(sum(row["seconds"] for row in read_back) / 60),
        "not_done": len(set(names()) - {row["model"] for row in rows}),
    }


def markdown(found: dict[str, Any]) -> str:
    """The report, to be read."""
    rows = [
        f"| {label} | " + " | ".join(str(found[way][word]) for word in _WORDS) + " |"
        for way, label in (("inferred", "nothing named"), ("named", "`--backbone timm:NAME`, `torchvision:NAME`"))
    ]
    lines = [
        "# Architecture campaign: every classifier of timm and torchvision, written and read back",
        "",
        f"Command: `{found['command']}`.",
        f"{found['date']}, {found['machine']}, Python {found['python']}, torch {found['torch']}, timm {found['timm']}, "
        f"torchvision {found['torchvision']}; {found['minutes']} minutes.",
        "",
        f"{found['models']} models under {MOST_PARAMETERS // 1_000_000} million parameters ({found['of']['timm']} of "
        f"timm, {found['of']['torchvision']} of torchvision), each saved bare and under {len(WRAPPERS) - 1} wrappers "
        f"({', '.join(name for name in WRAPPERS if name != 'bare')}): {found['files']} files, each read without and "
        "with the model's name. Weights and BatchNorm's statistics are none of an initialisation's.",
        "",
        "| read with | " + " | ".join(_WORDS) + " |",
        "|---|" + "---|" * len(_WORDS),
        *rows,
        "",
        "*equal*: features are the model's own (timm: `forward_head(…, pre_logits=True)` or `num_classes=0`; "
        "torchvision: what goes into the classifier) to 1e-4 of how much two images differ. *noted*: they are not, and "
        "the load report names the assumption. *evident*: they are not and the load report is silent, for nothing in "
        "the file tells; held against images, BatchNorm's running statistics do not fit, by more than a factor of two. "
        "*refused*: not read, with a sentence that advises to name the network. *different*: other features without a "
        "word. There "
        f"must be none of that, nor a crash: {len(found['wrong'])}.",
        "",
        f"Of the files refused when nothing is named, naming the network helps all but {len(found['unhelped'])}.",
        "",
        *_listed("Silently different, or crashed", found["wrong"]),
        *_listed("Not read with their name either", found["unhelped"]),
        *_listed("Noted or evident", [f"{name}: {why}" for name, why in found["noted"].items()]),
        *_listed("Not in the campaign", [f"{name}: {why}" for name, why in found["left_out"].items()]),
        f"{found['too_large']} models have {MOST_PARAMETERS // 1_000_000} million parameters or more."
        + (f" {found['not_done']} are not done." if found["not_done"] else ""),
        "",
        "Read without being named: " + ", ".join(found["read_without_being_named"]) + ".",
        "",
    ]
    return "\n".join(lines)


def _listed(title: str, lines: list[str]) -> list[str]:
    return [f"{title}:", "", *(f"- {line}" for line in lines), ""] if lines else []
