"""The same as `socket` beside it, under the name that older MQTT clients import."""

from socket import *
from socket import getaddrinfo
