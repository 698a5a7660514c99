# The package `ws4py` as a peer: see peer.py. A server is that of the standard library's wsgiref, for one connection.
import ssl
import threading
from wsgiref.simple_server import make_server

from ws4py.client.threadedclient import WebSocketClient
from ws4py.messaging import PingControlMessage
from ws4py.server.wsgirefserver import WebSocketWSGIRequestHandler, WSGIServer
from ws4py.server.wsgiutils import WebSocketWSGIApplication
from ws4py.websocket import WebSocket

from peer import decode, read_commands, report, report_message, secure_server, split

ends = {}


class End:
    """What clients and servers have in common; `number` is set by a class of its own for each connection."""

    def opened(self):
        ends[self.number] = self
        protocol = self.protocols[0] if self.protocols else None
        protocol = protocol.decode() if isinstance(protocol, bytes) else protocol
        report(self.number, "open", protocol=protocol, extensions=[])

    def received_message(self, message):
        payload = bytes(message.data)
        payload = payload if message.is_binary else payload.decode()
        report_message(self.number, payload)

    def ponged(self, pong):
        report(self.number, "pong", data=bytes(pong.data).decode())

    def closed(self, code, reason=None):
        reason = reason.decode() if isinstance(reason, bytes) else reason
        report(self.number, "close", code=code, reason=reason or "")


class Server(WSGIServer):
    def link_websocket_to_server(self, end):
        threading.Thread(target=end.run, daemon=True).start()


class Handler(WebSocketWSGIRequestHandler):
    def log_message(self, *_):
        pass


def numbered(base, number):
    return type("Numbered", (End, base), {"number": number})


def serve(number, options):
    handler = numbered(WebSocket, number)
    app = WebSocketWSGIApplication(protocols=options["protocols"], handler_cls=handler)
    server = make_server("127.0.0.1", 0, app, server_class=Server, handler_class=Handler)
    context = secure_server(options)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.handle_request, daemon=True).start()
    report(number, "listening", port=server.server_port)


def connect(number, url, options):
    # Its Origin would be ws://..., which is none.
    client = numbered(WebSocketClient, number)
    unverified = {"cert_reqs": ssl.CERT_NONE}
    end = client(url, protocols=options["protocols"], exclude_headers=["Origin"], ssl_options=unverified)
    end.daemon = True
    end.connect()


def obey(command):
    verb, number = command["do"], command["number"]
    if verb == "serve":
        serve(number, command["options"])
    elif verb == "connect":
        connect(number, command["url"], command["options"])
    elif verb == "send":
        message, parts = decode(command["payload"]), command["parts"]
        pieces = message if parts == 1 else (one for one in split(message, parts))
        ends[number].send(pieces, binary=isinstance(message, bytes))
    elif verb == "ping":
        ends[number].send(PingControlMessage(command["data"]))
    elif verb == "close":
        ends[number].close(command["code"], command["reason"])
    elif verb == "write":
        ends[number]._write(bytes.fromhex(command["hex"]))


read_commands(obey)
