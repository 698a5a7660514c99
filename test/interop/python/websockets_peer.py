# The package `websockets` as a peer: see peer.py.
import asyncio

import websockets

from peer import decode, report, report_message, secure_client, secure_server, split, start_reading

ends = {}


def translate(options):
    return {
        "subprotocols": options["protocols"] or None,
        "compression": "deflate" if options["compress"] else None,
        "max_size": options["maxBytes"],
        "ping_interval": None,
    }


async def converse(number, end):
    ends[number] = end
    report(number, "open", protocol=end.subprotocol, extensions=[one.name for one in end.extensions])
    try:
        async for message in end:
            report_message(number, message)
    except websockets.ConnectionClosed:
        pass
    await end.wait_closed()
    report(number, "close", code=end.close_code, reason=end.close_reason)


async def obey(command):
    verb, number = command["do"], command["number"]
    if verb == "serve":
        options = {**translate(command["options"]), "ssl": secure_server(command["options"])}
        server = await websockets.serve(lambda end: converse(number, end), "127.0.0.1", 0, **options)
        report(number, "listening", port=server.sockets[0].getsockname()[1])
    elif verb == "connect":
        url = command["url"]
        end = await websockets.connect(url, ssl=secure_client(url), **translate(command["options"]))
        await converse(number, end)
    elif verb == "send":
        message, parts = decode(command["payload"]), command["parts"]
        await ends[number].send(message if parts == 1 else split(message, parts))
    elif verb == "ping":
        await (await ends[number].ping(command["data"]))
        report(number, "pong", data=command["data"])
    elif verb == "close":
        await ends[number].close(command["code"], command["reason"])
    elif verb == "write":
        ends[number].transport.write(bytes.fromhex(command["hex"]))


async def main():
    loop = asyncio.get_running_loop()
    start_reading(lambda command: asyncio.run_coroutine_threadsafe(obey(command), loop))
    await asyncio.Event().wait()


asyncio.run(main())
