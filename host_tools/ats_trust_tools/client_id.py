"""What AWS IoT Core takes as an MQTT client id."""

from .errors import ToolError

MAX_CLIENT_ID = 128  # Bytes; AWS IoT Core quotas.


def check_client_id(client_id: str) -> None:
    """Raise ToolError when AWS IoT Core would refuse this MQTT client id."""
    size = len(client_id.encode("utf-8", "surrogateescape"))
    if not 1 <= size <= MAX_CLIENT_ID:
        raise ToolError(
            f"--client-id: it is {size} bytes long; AWS IoT Core takes 1 to {MAX_CLIENT_ID}"
        )
    if client_id != client_id.strip() or not client_id.isprintable():
        raise ToolError("--client-id: it begins or ends with a space, or holds what can not print")
