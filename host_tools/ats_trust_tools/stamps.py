"""Moments as the device library writes them: "YYYYMMDDHHMMSS", UTC."""

from datetime import UTC, datetime

from .errors import ToolError

_FORM = "%Y%m%d%H%M%S"


def stamp(at: datetime) -> str:
    """Return the stamp of an aware moment."""
    return at.astimezone(UTC).strftime(_FORM)


def moment(text: str) -> datetime:
    """Return the moment of a stamp. Raises ToolError where the calendar has no such day."""
    try:
        return datetime.strptime(text, _FORM).replace(tzinfo=UTC)
    except ValueError:
        raise ToolError(f"there is no such time as {text}; make the bundle anew") from None
