"""AWS IoT Jobs in front of moto: what devices report of a job, which moto has no way to tell.

moto keeps jobs, their documents and executions, but in every execution is QUEUED for ever, a job's
counts never change, and a second job of the same name takes the place of the first. So this server
passes everything on to moto but three answers, which are made as the AWS IoT API reference has
them: DescribeJob, from the next step of a script; the executions of a job; and CreateJob of a name
that is there.

    with AwsJobs(aws) as jobs:
        jobs.script = [{"sensor-1": ("QUEUED", {})}, {"sensor-1": ("SUCCEEDED", {"version": "7"})}]
"""

import json
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from aws_server import AwsServer

Step = dict[str, tuple[str, dict[str, str]]]

_ENDED = ("SUCCEEDED", "FAILED", "REJECTED", "TIMED_OUT", "CANCELED", "REMOVED")
_COUNTS = {
    "QUEUED": "numberOfQueuedThings",
    "IN_PROGRESS": "numberOfInProgressThings",
    "SUCCEEDED": "numberOfSucceededThings",
    "FAILED": "numberOfFailedThings",
    "REJECTED": "numberOfRejectedThings",
    "TIMED_OUT": "numberOfTimedOutThings",
    "CANCELED": "numberOfCanceledThings",
    "REMOVED": "numberOfRemovedThings",
}
_PAGE = 2  # Executions in an answer, so that every test of several turns pages.


class AwsJobs:
    """The server; use it in a `with` statement.

    script: thing -> (state, details) for each time that the job is asked for; the last one stays.
    status: of the job, in place of what follows from the script. asked: "METHOD path" of each
    request. before: called with each of them first, and may raise.
    """

    def __init__(self, behind: AwsServer) -> None:
        self.script: list[Step] = [{}]
        self.status = ""
        self.asked: list[str] = []
        self.before: Callable[[str], None] = lambda request: None
        self._behind = behind
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """What --endpoint-url takes."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        jobs = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                jobs.asked.append(f"{self.command} {self.path}")
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                try:
                    jobs.before(jobs.asked[-1])
                    status, answer = jobs._answer(self, body)
                except ConnectionError:
                    self.close_connection = True
                    return
                self.send_response(status)
                if status >= 400:
                    self.send_header("x-amzn-ErrorType", json.loads(answer)["__type"])
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_PUT = do_POST = do_DELETE = do_GET

            def log_message(self, *_: object) -> None:
                pass

        return Handler

    def _answer(self, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, bytes]:
        parts = urlsplit(request.path)
        if re.fullmatch(r"/jobs/([^/]+)/things", parts.path):
            return 200, json.dumps(self._executions(parse_qs(parts.query))).encode()
        if execution := re.fullmatch(r"/things/([^/]+)/jobs/([^/]+)", parts.path):
            return self._execution(execution[2], execution[1])
        headers = {k: v for k, v in request.headers.items() if k.lower() != "content-length"}
        job = re.fullmatch(r"/jobs/([^/]+)", parts.path)
        if job and request.command == "PUT" and self._moto("GET", parts.path, headers)[0] == 200:
            return 409, _error("ResourceAlreadyExistsException")
        status, answer = self._moto(request.command, request.path, headers, body)
        if job and request.command == "GET" and status == 200:
            return 200, json.dumps(self._described(json.loads(answer))).encode()
        return status, answer

    def _described(self, answer: dict[str, Any]) -> dict[str, Any]:
        last = len(self.script) == 1
        step = self.script[0] if last else self.script.pop(0)
        states = [state for state, _ in step.values()]
        ended = last and all(state in _ENDED for state in states)
        answer["job"]["status"] = self.status or ("COMPLETED" if ended else "IN_PROGRESS")
        answer["job"]["jobProcessDetails"] = {
            name: states.count(state) for state, name in _COUNTS.items()
        }
        return answer

    def _executions(self, query: dict[str, list[str]]) -> dict[str, Any]:
        wanted = query.get("status", [""])[0]
        start = int(query.get("nextToken", ["0"])[0])
        found = [
            {
                "thingArn": f"arn:aws:iot:eu-central-1:123456789012:thing/{thing}",
                "jobExecutionSummary": {"status": state, "executionNumber": 1},
            }
            for thing, (state, _) in self.script[0].items()
            if wanted in ("", state)
        ]
        answer: dict[str, Any] = {"executionSummaries": found[start : start + _PAGE]}
        if found[start + _PAGE :]:
            answer["nextToken"] = str(start + _PAGE)
        return answer

    def _execution(self, job: str, thing: str) -> tuple[int, bytes]:
        if thing not in self.script[0] or self.script[0][thing][0] == "REMOVED":
            return 404, _error("ResourceNotFoundException")
        state, details = self.script[0][thing]
        execution = {"jobId": job, "status": state, "statusDetails": {"detailsMap": details}}
        return 200, json.dumps({"execution": execution}).encode()

    def _moto(
        self, method: str, path: str, headers: dict[str, str], body: bytes = b""
    ) -> tuple[int, bytes]:
        request = urllib.request.Request(
            self._behind.url + path, body or None, headers, method=method
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                said = error.headers.get("x-amzn-ErrorType", "InternalFailure")
                return error.code, _error(said)


def _error(name: str) -> bytes:
    return json.dumps({"__type": name, "message": "it was made up for a test"}).encode()
