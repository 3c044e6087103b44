"""Who is who in tests: a token that every DashboardProcess knows, and rights for parts that are tested without one."""

from pathlib import Path

from fleet_client import credentials
from fleet_client.credentials import Role, Token

CODE = "code-of-the-tests"
TOKEN = "fleet_of-the-tests"
TEACHER = {"authorization": f"Bearer {TOKEN}"}  # headers of a request that may do everything


class Rights:
    """TOKEN is a teacher's, and nobody is logged in."""

    def role_of_token(self, token: str) -> Role | None:
        return "teacher" if token == TOKEN else None

    def role_of_session(self, session: str) -> Role:
        return "viewer"


def hand_out_token(folder: Path) -> None:
    """The dashboard of this folder knows TOKEN from now on, and those that it knew before."""
    folder.mkdir(parents=True, exist_ok=True)
    known = [one for one in credentials.read_tokens(folder) if one.name != "tests"]
    credentials.write_tokens(folder, [*known, Token("tests", "teacher", credentials.digest(TOKEN), 0)])
