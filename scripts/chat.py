"""`make chat`: talk to the running platform as one of its users.

Commands within the chat: `/new` starts a new session, `/quit` ends.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from scripts.clients.canary import LIVE
from scripts.clients.runtime import NoStack, Session, Stack, load_stack, sign_in


def pick_user(stack: Stack, username: str | None) -> dict[str, Any] | None:
    """Return the user with that name, or the first one that may sign in if no name is given."""
    users: list[dict[str, Any]] = stack["users"]
    if username is None:
        return users[0] if users else None
    return next((user for user in users if user["username"] == username), None)


def show(console: Console, session: Session, prompt: str) -> None:
    """Ask and print the answer as it comes."""
    for event in session.stream(prompt):
        match event["type"]:
            case "text":
                console.print(event["text"], end="", markup=False, highlight=False)
            case "tool":
                console.print(f"[dim]· {event['name']} {event['status']}[/dim]")
            case "usage":
                tokens = f"{event['input_tokens']} tokens in, {event['output_tokens']} out"
                console.print(f"\n[dim]{tokens}, about ${event['estimated_cost_usd']:.6f}[/dim]")
            case "error":
                console.print(f"\n[red]{event['code']}[/red] {event['message']}", highlight=False)


def begin(console: Console, stack: Stack, access_token: str | None) -> Session:
    """Begin a session, and say so if it is one of the candidate's share."""
    session = Session(stack, access_token)
    if session.endpoint != LIVE:
        version = stack.get("agent_versions", {}).get(session.endpoint, "unknown")
        console.print(f"[dim]This session is on the {session.endpoint}, agent {version}.[/dim]", highlight=False)
    return session


def chat(console: Console, look_again: Callable[[], Stack], user: dict[str, Any]) -> None:
    """Run the conversation until end of input or `/quit`.

    Args:
        console: Where.
        look_again: Reads stack.json: a new session goes by the candidate's share as it is then.
        user: Who.
    """
    stack = look_again()
    console.print(f"You are {user['username']} of {user['clinic_id']} ({user['tier']}). /new, /quit.", highlight=False)
    session = begin(console, stack, sign_in(stack, user["username"], user["password"])["AccessToken"])
    while True:
        try:
            prompt = console.input("[bold]> [/bold]").strip()
        except (EOFError, KeyboardInterrupt):
            console.print()
            return
        if prompt in ("/quit", "/exit"):
            return
        if prompt == "/new":
            stack = look_again()
            session = begin(console, stack, session.access_token)
        elif prompt.startswith("/"):
            console.print("/new starts a new session, /quit ends.")
        elif prompt:
            # A new token each time: they are short-lived, and a chat is not.
            session.access_token = sign_in(stack, user["username"], user["password"])["AccessToken"]
            show(console, session, prompt)


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="make chat", description=__doc__)
    parser.add_argument("--user", help="user name; see `users` in .local/stack.json")
    parser.add_argument("--stack", type=Path, default=Path(".local/stack.json"))
    arguments = parser.parse_args()
    console = Console()
    try:
        stack = load_stack(arguments.stack)
    except NoStack as error:
        console.print(str(error), style="red", highlight=False)
        return 1
    user = pick_user(stack, arguments.user)
    if user is None:
        names = ", ".join(u["username"] for u in stack["users"])
        console.print(f"user: {arguments.user!r} is not known; choose one of {names}", style="red", highlight=False)
        return 2
    try:
        chat(console, lambda: load_stack(arguments.stack), user)
    except NoStack as error:
        console.print(str(error), style="red", highlight=False)
        return 1
    except (httpx.HTTPError, BotoCoreError, ClientError) as error:
        console.print(f"The platform cannot be reached ({type(error).__name__}); see `make status`.", style="red")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
