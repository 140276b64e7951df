"""A learner of a rule that is told to it: PORT; POST /rule with one of its words.

It counts what it was sent: GET /seen."""

import json
import sys
import threading

from remote_http import Handler, Server

seen = {"acts": 0, "items": 0, "last": None, "state": None, "agent": None}
changed = threading.Condition()
rule = ["local"]

BODIES = {
    "local": (200, b"1"),
    "reject": (200, b"0.00000\n"),
    "unfit": (200, b"63"),
    "garbage": (200, b"banana"),
    "nothing": (200, b""),
    "negative": (200, b"-1"),
    "status": (500, b"1"),
    "huge": (200, b"1" * (2 << 20)),
}


class Learner(Handler):
    def do_GET(self):
        if self.path == "/seen":
            self.answer(200, json.dumps(seen).encode())
            return
        with changed:
            seen["acts"] += 1
            seen["state"] = self.headers["X-P2pfaas-Learning-State"]
            while rule[0] == "hold":
                changed.wait()
            now = rule[0]
        if now == "hang_up":
            self.close_connection = True
            return
        status, body = BODIES[now]
        try:
            self.answer(status, body, X_P2pfaas_Eps="0.25")
        except OSError:
            self.close_connection = True

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with changed:
            if self.path == "/rule":
                rule[0] = body.decode()
                changed.notify_all()
            else:
                batch = json.loads(body)
                seen["items"] += len(batch)
                seen["last"] = batch[-1]
        self.answer(200, b"ok")


Server(("127.0.0.1", int(sys.argv[1])), Learner).serve_forever()
