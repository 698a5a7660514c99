# What the peers of all libraries share. A peer gets commands as lines of JSON from stdin and reports as lines of JSON to
# stdout; the end of stdin ends it. Each connection has the number that the command gave it which began it.
#
# Commands: serve, connect (with url): begin a connection, with options (protocols, compress, maxBytes; tls, for servers: the
# paths of a key and a certificate); send (payload, and parts, the number of fragments), ping (data), close (code, reason),
# write (hex, bytes that go past the library).
# Reports: listening (port), open (protocol, extensions), message (payload), pong (data), close (code, reason).
# A payload is {"text": ...} or {"base64": ...}.
import base64
import json
import os
import ssl
import sys
import threading
import traceback

out_lock = threading.Lock()


def report(number, event, **details):
    with out_lock:
        print(json.dumps({"number": number, "event": event, **details}), flush=True)


def report_message(number, message):
    report(number, "message", payload=encode(message))


def encode(message):
    if isinstance(message, str):
        return {"text": message}
    return {"base64": base64.b64encode(message).decode()}


def decode(payload):
    return payload["text"] if "text" in payload else base64.b64decode(payload["base64"])


def secure_server(options):
    """A TLS context with the certificate that the options name; None without."""
    if options["tls"] is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options["tls"]["cert"], options["tls"]["key"])
    return context


def secure_client(url):
    """A TLS context that trusts everybody, for wss:; None for ws:."""
    if not url.startswith("wss:"):
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def split(message, parts):
    """Cuts a message in pieces of about the same length."""
    size = max(1, -(-len(message) // parts))
    return [message[at : at + size] for at in range(0, len(message), size)] or [message]


def read_commands(handle):
    """Hands each command to `handle`, on the thread that called; ends the process with stdin."""
    try:
        for line in sys.stdin:
            handle(json.loads(line))
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def start_reading(handle):
    """The same on a thread of its own, for libraries with an event loop."""
    threading.Thread(target=read_commands, args=(handle,), daemon=True).start()
