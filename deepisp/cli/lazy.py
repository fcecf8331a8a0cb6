"""A group of verbs whose modules wait to be called: `--help` loads none of them."""

from importlib import import_module

import click


class LazyGroup(click.Group):
    """Each verb `some-verb` is the command `some_verb` of the module `PACKAGE.some_verb`."""

    def __init__(self, *, package: str, verbs: dict[str, str], **given: object) -> None:
        """`verbs` says of each verb what `--help` says of it, in the order in which it lists them."""
        super().__init__(**given)  # type: ignore[arg-type]  # click's own arguments, handed through by its decorator
        self._package, self._verbs = package, verbs

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All verbs, in their order."""
        return list(self._verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb's command, from its module."""
        if cmd_name not in self._verbs:
            return None
        name = cmd_name.replace("-", "_")
        command = getattr(import_module(f"{self._package}.{name}"), name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of verbs, without loading any."""
        with formatter.section("Verbs"):
            formatter.write_dl(list(self._verbs.items()))
