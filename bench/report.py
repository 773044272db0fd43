# SPDX-License-Identifier: MIT
"""Figures into verdicts, and verdicts into a table for people and one for bench/RESULTS.md."""
import statistics

from rows import LOWER

OK, AIM, MISSED, NONE, BESIDE = "ok", "aim reached", "MISSED", "not measured", ""
# A generator busier than this may have held the server back.
GENERATOR_BUSY_MAX = 0.9


def plain(value):
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def reaches(value, bound, direction):
    return value <= bound if direction == LOWER else value >= bound


def verdict(ask, value):
    """Of a figure or ratio; None was not measured."""
    if value is None:
        return NONE
    if ask.must is not None and not reaches(value, ask.must, ask.direction):
        return MISSED
    if ask.aim is not None and reaches(value, ask.aim, ask.direction):
        return AIM
    if ask.must is None:
        return BESIDE if ask.aim is None else "aim missed"
    return OK


def judge(row, ask, results):
    """One line of the table. results: server name -> [figures of each round], a round without a
    figure is None. A ratio is the median over rounds of the ratio within a round."""
    ours = [figures and figures[ask.figure] * ask.scale for figures in results.get(row.ours, [])]
    line = {"row": row.name, "peer": ask.peer, "what": ask.what, "unit": ask.unit or row.unit,
            "must": ask.must, "aim": ask.aim, "direction": ask.direction,
            "ours": None, "theirs": None, "value": None, "low": None, "high": None}
    if ask.peer:
        theirs = [figures and figures[ask.figure] for figures in results.get(ask.peer, [])]
        pairs = [(a, b) for a, b in zip(ours, theirs) if a and b]
        values = [a / b for a, b in pairs]
        if values:
            line["ours"] = statistics.median(a for a, _ in pairs)
            line["theirs"] = statistics.median(b for _, b in pairs)
    else:
        values = [value for value in ours if value is not None]
        if values:
            line["ours"] = statistics.median(values)
    if values:
        line["value"], line["low"], line["high"] = (statistics.median(values), min(values),
                                                    max(values))
    line["verdict"] = verdict(ask, line["value"])
    return line


def generator_share(results):
    """(server, share) of the round in which the generator was busiest, for each server."""
    shares = {}
    for name, rounds in results.items():
        busy = [figures["generator_busy"] for figures in rounds
                if figures and "generator_busy" in figures]
        if busy:
            shares[name] = max(busy)
    return shares


def cells(line):
    """The line of judge as texts: what, relay, peer, ratio, range, must, aim, verdict."""
    unit = f" {line['unit']}" if line["unit"] else ""
    sign = "<= " if line["direction"] == LOWER else ""
    suffix = " x" if line["peer"] else unit
    spread = f"{plain(line['low'])} to {plain(line['high'])}" if line["low"] != line["high"] else ""
    bound = {key: sign + plain(line[key]) + suffix if line[key] is not None else ""
             for key in ("must", "aim")}
    name = " ".join(part for part in (line["peer"], line["what"]) if part)
    return [name, plain(line["ours"]) + ("" if line["peer"] or line["ours"] is None else unit),
            plain(line["theirs"]), plain(line["value"]) if line["peer"] else "", spread,
            bound["must"], bound["aim"], line["verdict"]]


HEAD = ["against", "relay", "peer", "ratio", "min to max", "must", "aim", "verdict"]


def text_table(lines):
    rows = [HEAD, *(cells(line) for line in lines)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]
    return "\n".join("  " + "  ".join(
        cell.ljust(width) if i in (0, len(HEAD) - 1) else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(row, widths))).rstrip() for row in rows)


def markdown_table(lines):
    rows = [HEAD, ["---", *["---:"] * (len(HEAD) - 2), "---"], *(cells(line) for line in lines)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def share_sentence(results):
    shares = generator_share(results)
    if not shares:
        return ""
    held = [name for name, share in shares.items() if share >= GENERATOR_BUSY_MAX]
    busiest = max(shares, key=shares.get)
    sentence = f"generator: at most {shares[busiest]:.0%} of its processor (at {busiest})"
    if held:
        return sentence + "; IT MAY HAVE HELD BACK " + ", ".join(held)
    return sentence + ": not the bottleneck"


def results_page(facts, reports, absent):
    """bench/RESULTS.md. reports: (row, lines, results) of each row."""
    page = ["<!-- SPDX-License-Identifier: MIT -->",
            "<!-- Written by `bench/run --write-results`; do not edit. -->",
            "# The last full run of `make bench`", "",
            "How each row is measured and how to read it: [README.md](README.md). A ratio is the"
            " relay's figure\nover the peer's, the median over rounds of the ratio within a round.",
            ""]
    page += ["| | |", "|---|---|", *(f"| {key} | {value} |" for key, value in facts.items()), ""]
    for row, lines, results in reports:
        page += [f"## {row.title}", ""]
        if row.unit:
            page += [f"In {row.unit.replace('us', 'microseconds')}.", ""]
        page += [markdown_table(lines), ""]
        for name in row.beside:
            figures = (results.get(name) or [None])[0]
            if figures:
                page += [f"Beside it, {name}: {beside_sentence(figures)}", ""]
        sentence = share_sentence(results)
        if sentence:
            page += [sentence[0].upper() + sentence[1:] + ".", ""]
    page += ["## Not there yet", "", *(f"- {sentence}" for sentence in absent), ""]
    return "\n".join(page)


def beside_sentence(figures):
    return (f"{figures['bytes_each'] / 1024:.1f} KiB each, connected in"
            f" {figures['connect_s']:.1f} s, then {figures['server_busy']:.1%} of a core.")
