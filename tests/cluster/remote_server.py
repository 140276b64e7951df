"""What is behind a node: a server of functions and an OpenFaaS gateway, on 127.0.0.1: PORT
[CERTIFICATE KEY].  What is called outside of /gw is echoed; POST /rule with a word says how the
gateway is, GET /seen what was asked of it."""

import json
import ssl
import sys
import threading
from base64 import b64encode

from remote_http import Handler, Server

LOGIN = "Basic " + b64encode(b"admin:hunter2hunter2").decode()

changed = threading.Condition()
rule = ["right"]
functions = {
    "there": {"replicas": 2, "availableReplicas": 1},
    "extra": {"replicas": 1},
    "num": {"replicas": 1},
    "old": {"replicas": 1},
    "phantom": {"replicas": 1, "annotations": {"p2pfaas.origin": "gateway"}},
}
late = {}
seen = {"GET": 0, "PUT": 0, "POST": 0, "last": None, "scaled": [], "deleted": []}



def listed():
    if rule[0] == "huge":
        return b"[" + b",".join([b'{"name": "z", "image": "team/resize:latest"}'] * 100000) + b"]"
    many = 1000 if rule[0] == "many" else 0
    kept = [] if rule[0] == "empty" else list(functions)
    rows = [dict(functions[name], name=name, image="x", namespace="openfaas-fn") for name in kept]
    for name in kept:
        if late.get(name, 0) > 0:  # lists until its replicas are there
            late[name] -= 1
            if late[name] == 0:
                functions[name]["availableReplicas"] = functions[name]["replicas"]
    rows += [{"name": "z%06d" % i, "replicas": 1} for i in range(many)]
    return json.dumps(rows).encode()


class Behind(Handler):
    def echo(self, body):
        if "do=slow" in self.path:
            with changed:
                changed.wait(5)
        if "do=garbage" in self.path:
            self.wfile.write(b"no HTTP at all\r\n\r\n")
            self.close_connection = True
            return
        told = {"method": self.command, "path": self.path, "host": self.headers["Host"],
                "body": body.decode(), "x": self.headers["X-Asked"], "via": self.headers["Via"]}
        if "do=busy" in self.path:
            self.answer(503, b"busy", Retry_After="7", X_OpenFaaS_Internal="proxy")
        else:
            self.answer(200, json.dumps(told).encode(), X_Told="yes")

    def list(self):
        now = rule[0]
        with changed:
            seen["GET"] += 1
            while rule[0] == "silent":
                changed.wait()
        if now == "closed" or self.headers["Authorization"] != LOGIN:
            self.answer(401, b"invalid credentials", WWW_Authenticate="Basic realm=\"Restricted\"")
        elif now == "broken":
            self.answer(500, b"it does not work\n")
        elif now == "garbage":
            self.answer(200, b"[{\"name\": ")
        else:
            self.answer(200, listed())

    def deploy(self, body):
        sent = json.loads(body)
        name = sent["service"]
        with changed:
            seen[self.command] += 1
            seen["last"] = sent
            if self.command == "PUT" and name not in functions:
                self.answer(404)
                return
            if sent["image"] == "team/bad:1":
                self.answer(500, b"no such image")
                return
            functions[name] = {"replicas": 1, "annotations": sent["annotations"]}
        self.answer(202)

    def remove(self, body):
        sent = json.loads(body)
        with changed:
            seen["deleted"].append(sent)
            if rule[0] == "silent":  # whoever asked does not wait for the end of it
                changed.wait_for(lambda: rule[0] != "silent")
                self.answer(503)
                return
            while rule[0] == "slow":
                changed.wait()
            if rule[0] == "closed":
                self.answer(401, b"invalid credentials")
                return
            known = functions.pop(sent["functionName"], None)
        self.answer(202 if known else 404)

    def scale(self, body):
        wish = json.loads(body)
        with changed:
            seen["scaled"].append(wish["replicas"])
            while rule[0] == "slow":
                changed.wait()
            if rule[0] == "fixed":
                self.answer(500, b"it has as many as it has")
                return
            name, replicas = wish["serviceName"], wish["replicas"]
            late[name] = 20 if rule[0] == "late" and replicas else 0
            functions[name].update(replicas=replicas,
                                   availableReplicas=0 if late[name] else replicas)
        self.answer(202)

    def gateway(self, path, body):
        if path.startswith("/system/functions"):
            if self.command == "GET":
                self.list()
            elif self.command == "DELETE":
                self.remove(body)
            else:
                self.deploy(body)
        elif path.startswith("/system/scale-function/"):
            self.scale(body)
        elif path.startswith("/function/"):
            name = path[len("/function/"):].split("/")[0].split("?")[0]
            if name.endswith(".openfaas-fn") and name[:-len(".openfaas-fn")] in functions:
                self.echo(body)
            else:
                self.answer(404, b"error finding function")
        else:
            self.answer(404)

    def handle_all(self):
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        try:
            if self.path == "/rule":
                with changed:
                    rule[0] = body.decode()
                    changed.notify_all()
                self.answer(200, b"ok")
            elif self.path == "/seen":
                self.answer(200, json.dumps(seen).encode())
            elif self.path.startswith("/gw/"):
                self.gateway(self.path[3:], body)
            else:
                self.echo(body)
        except OSError:
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = handle_all


server = Server(("127.0.0.1", int(sys.argv[1])), Behind)
if len(sys.argv) > 2:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    server.socket = context.wrap_socket(server.socket, server_side=True,
                                        do_handshake_on_connect=False)
server.serve_forever()
