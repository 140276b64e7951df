"""A learner beside the node, of the kind that the original P2PFaaS asks: a table of values
in a Flask application that waitress serves, asked by GET /act with the state in a header.

It prints its port on 127.0.0.1, and serves until it is ended.
"""
import random

import flask
import waitress.server

ACTIONS = 12
EPSILON = 0.1

application = flask.Flask(__name__)
table = {}


@application.get("/act")
def act():
    state = tuple(float(x) for x in flask.request.headers["X-P2pfaas-Learning-State"].split(","))
    values = table.setdefault(state, [0.0] * ACTIONS)
    if random.random() < EPSILON:
        action = random.randrange(ACTIONS)
    else:
        action = max(range(ACTIONS), key=values.__getitem__)
    answer = flask.make_response(str(action))
    answer.headers["X-P2pfaas-Eps"] = str(EPSILON)
    return answer


server = waitress.server.create_server(application, host="127.0.0.1", port=0)
print(server.effective_port, flush=True)
server.run()
