# A client of a proxy: the class of websockify, or the package `websockets`. Sends what stands on the standard input, reads as many
# bytes, closes with 1000, and says as JSON what it agreed on, whether all came back, and how it ended. Without input it
# waits for the end (not that of websockify: a frame right behind the handshake it sees with the next one only). Usage: websockify-client.py websockify|websockets URL [SUBPROTOCOL]
import asyncio
import base64
import json
import os
import sys

PIECE = 50_000


def converse_websockify(url, protocols, data):
    from websockify.websocket import WebSocket, WebSocketWantReadError

    class Client(WebSocket):
        def _sendmsg(self, opcode, msg):
            # That of 0.10 adds numbers to bytes when it makes the mask of a client.
            return self._send(self._encode_hybi(opcode, msg, os.urandom(4)))

        def recvmsg(self):
            while True:
                try:
                    return super().recvmsg()
                except WebSocketWantReadError:
                    pass  # There is no whole frame yet.

    client = Client()
    client.connect(url, protocols=protocols)
    received = b""
    for start in range(0, len(data), PIECE):
        piece = data[start : start + PIECE]
        client.sendmsg(piece)
        while len(received) < start + len(piece):
            received += client.recvmsg()
    if data:
        client.shutdown(None, 1000, "done")
    while client.recvmsg() is not None:
        pass
    return client.protocol, received, client.close_code, client.close_reason


async def converse_websockets(url, protocols, data):
    import websockets

    client = await websockets.connect(url, subprotocols=protocols or None, compression=None)
    is_text = client.subprotocol == "base64"
    received = b""
    for start in range(0, len(data), PIECE):
        piece = data[start : start + PIECE]
        await client.send(base64.b64encode(piece).decode() if is_text else piece)
        while len(received) < start + len(piece):
            message = await client.recv()
            if isinstance(message, str) != is_text:
                raise TypeError(f"{type(message)} came")
            received += base64.b64decode(message, validate=True) if is_text else message
    if data:
        await client.close(1000, "done")
    await client.wait_closed()
    return client.subprotocol, received, client.close_code, client.close_reason


library, url, *protocols = sys.argv[1:]
data = sys.stdin.buffer.read()
if library == "websockify":
    outcome = converse_websockify(url, protocols, data)
else:
    outcome = asyncio.run(converse_websockets(url, protocols, data))
protocol, received, code, reason = outcome
print(json.dumps({"protocol": protocol, "same": received == data, "code": code, "reason": reason}))
