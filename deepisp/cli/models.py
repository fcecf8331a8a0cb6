"""`deepisp models`: which networks are there, and what is known of each."""

import json

import click

from deepisp.cli import outcome, say


@click.command(epilog=outcome.CODES, context_settings={"max_content_width": 110})
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="print one JSON object per network")
@click.option("--debug", is_flag=True, help="show where a failure came from")
def models(*, name: str | None, as_json: bool, debug: bool) -> int:
    """The networks that come with deepisp, or the card of one: training, licences, figures, limits.

    \b
    deepisp models
    deepisp models fast
    """
    from deepisp.networks import zoo

    if name is not None and as_json:
        raise click.UsageError("--json lists the networks; leave the name out")
    if name is not None:
        for line in zoo.card(name).splitlines():
            say.data(line)
        return outcome.DONE
    if not as_json:
        say.data(f"{'name':14} {'sensors':8} {'parameters':>10} {'kMAC/photosite':>15} {'noise up to':>12}")
    for one, entry in zoo.entries().items():
        weights = zoo.shipped(one)
        known = {"name": one, "sensors": entry.kind, "parameters": weights.parameters, "kmac": weights.size.kmac,
                 "noise_most": weights.noise_most, "sha256": entry.sha256}  # fmt: skip
        table = f"{one:14} {entry.kind:8} {weights.parameters:10,} {weights.size.kmac:15.1f} {weights.noise_most:12.3f}"
        say.data(json.dumps(known) if as_json else table)
    return outcome.DONE
