# The package `websockets` as a client: connects to a server that echoes, and says as JSON what it agreed on and whether all
# came back. Usage: websockets-client.py URL OPTIONS, where OPTIONS is JSON for ClientPerMessageDeflateFactory.
import asyncio
import json
import sys

import websockets
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

RECORDS = json.dumps([{"id": i * 7919 % 10007, "name": f"user {i % 31}"} for i in range(2000)])
MESSAGES = ["", "a", "ä€😀" * 50, RECORDS[:1024], RECORDS[:1024], RECORDS, bytes(range(256)) * 20, bytes(3_000_000)]


async def main(url, options):
    factory = ClientPerMessageDeflateFactory(**options)
    wrong = []
    async with websockets.connect(url, compression=None, extensions=[factory], max_size=None) as peer:
        for index, message in enumerate(MESSAGES):
            await peer.send(message)
            if await peer.recv() != message:
                wrong.append(index)
        # Fragments: one for each item.
        await peer.send([RECORDS[at : at + 1000] for at in range(0, 10_000, 1000)])
        if await peer.recv() != RECORDS[:10_000]:
            wrong.append("fragments")
        answer = peer.response_headers.get("Sec-WebSocket-Extensions")
    print(json.dumps({"answer": answer, "wrong": wrong, "closeCode": peer.close_code}))


asyncio.run(main(sys.argv[1], json.loads(sys.argv[2])))
