"""`image-cluster help`: the documentation in the terminal.

What belongs here: arguments and what is printed. Not here: the pages (`pipeline/manual/`), the service's /help.
"""

import sys

import click


@click.command("help")
@click.argument("page", required=False)
def show_help(page: str | None) -> None:
    """Read the documentation in the terminal: list its pages, or print PAGE.

    A running service shows the same at /help, with pictures and a search.

    \b
    Examples:
      image-cluster help
      image-cluster help start
      image-cluster help troubleshooting | less -R
    """
    from pipeline.manual.pages import chapters, text_of

    if page is not None:
        _print(text_of(page))
        return
    width = max(len(name) for chapter in chapters() for _, name in chapter.pages)
    for chapter in chapters():
        click.echo(f"\n{chapter.title}")
        for title, name in chapter.pages:
            click.echo(f"  {name:<{width}}  {title}")


def _print(text: str) -> None:
    if not sys.stdout.isatty():
        click.echo(text, nl=False)
        return
    from rich.console import Console
    from rich.markdown import Markdown

    Console().print(Markdown(text))
