# The package `autobahn` as a peer: see peer.py. Usage: autobahn_peer.py asyncio|twisted
import sys
from urllib.parse import urlsplit

from autobahn.websocket.compress import (
    PerMessageDeflateOffer,
    PerMessageDeflateOfferAccept,
    PerMessageDeflateResponse,
    PerMessageDeflateResponseAccept,
)

from peer import decode, report, report_message, secure_client, secure_server, start_reading

framework = sys.argv[1]
if framework == "asyncio":
    import asyncio

    import autobahn.asyncio.websocket as carrier
else:
    from twisted.internet import reactor, ssl

    import autobahn.twisted.websocket as carrier

ends = {}


class End:
    """What clients and servers have in common; `number` is set by the factory."""

    def onOpen(self):
        ends[self.number] = self
        extensions = [one.EXTENSION_NAME for one in self.websocket_extensions_in_use]
        report(self.number, "open", protocol=self.websocket_protocol_in_use, extensions=extensions)

    def onMessage(self, payload, isBinary):
        report_message(self.number, payload if isBinary else payload.decode())

    def onPong(self, payload):
        report(self.number, "pong", data=payload.decode())

    def onClose(self, wasClean, code, reason):
        # Its word for "no code" is None.
        report(self.number, "close", code=1005 if code is None else code, reason=reason or "")


class Server(End, carrier.WebSocketServerProtocol):
    def onConnect(self, request):
        return next((one for one in request.protocols if one in self.spoken), None)


class Client(End, carrier.WebSocketClientProtocol):
    pass


def prepare(factory, base, number, options):
    attributes = {"number": number, "spoken": options["protocols"]}
    factory.protocol = type("Numbered", (base,), attributes)
    # failByDrop: a failure is told by a close frame. The other limits are off.
    factory.setProtocolOptions(failByDrop=False, maxMessagePayloadSize=options["maxBytes"] or 0)
    return factory


def accept_offer(offers):
    return next((PerMessageDeflateOfferAccept(one) for one in offers if isinstance(one, PerMessageDeflateOffer)), None)


def accept_response(response):
    return PerMessageDeflateResponseAccept(response) if isinstance(response, PerMessageDeflateResponse) else None


def listen(factory, tls):
    if tls is None:
        return reactor.listenTCP(0, factory, interface="127.0.0.1")
    context = ssl.DefaultOpenSSLContextFactory(tls["key"], tls["cert"])
    return reactor.listenSSL(0, factory, context, interface="127.0.0.1")


def serve(number, options):
    factory = prepare(carrier.WebSocketServerFactory(), Server, number, options)
    if options["compress"]:
        factory.setProtocolOptions(perMessageCompressionAccept=accept_offer)
    if framework == "twisted":
        port = listen(factory, options["tls"])
        report(number, "listening", port=port.getHost().port)
        return
    loop = asyncio.get_running_loop()
    task = loop.create_task(loop.create_server(factory, "127.0.0.1", 0, ssl=secure_server(options)))
    task.add_done_callback(
        lambda done: report(number, "listening", port=done.result().sockets[0].getsockname()[1])
    )


def connect(number, url, options):
    factory = carrier.WebSocketClientFactory(url, protocols=options["protocols"])
    prepare(factory, Client, number, options)
    if options["compress"]:
        factory.setProtocolOptions(
            perMessageCompressionOffers=[PerMessageDeflateOffer()], perMessageCompressionAccept=accept_response
        )
    target = urlsplit(url)
    if framework == "twisted":
        if target.scheme == "wss":
            reactor.connectSSL(target.hostname, target.port, factory, ssl.CertificateOptions(verify=False))
        else:
            reactor.connectTCP(target.hostname, target.port, factory)
        return
    loop = asyncio.get_running_loop()
    context = secure_client(url)
    loop.create_task(loop.create_connection(factory, target.hostname, target.port, ssl=context))


def obey(command):
    verb, number = command["do"], command["number"]
    if verb == "serve":
        serve(number, command["options"])
    elif verb == "connect":
        connect(number, command["url"], command["options"])
    elif verb == "send":
        message, parts = decode(command["payload"]), command["parts"]
        isBinary = isinstance(message, bytes)
        payload = message if isBinary else message.encode()
        size = None if parts == 1 else -(-len(payload) // parts)
        ends[number].sendMessage(payload, isBinary, fragmentSize=size)
    elif verb == "ping":
        ends[number].sendPing(command["data"].encode())
    elif verb == "close":
        ends[number].sendClose(command["code"], command["reason"] or None)
    elif verb == "write":
        ends[number].transport.write(bytes.fromhex(command["hex"]))


async def main():
    loop = asyncio.get_running_loop()
    start_reading(lambda command: loop.call_soon_threadsafe(obey, command))
    await asyncio.Event().wait()


if framework == "asyncio":
    asyncio.run(main())
else:
    start_reading(lambda command: reactor.callFromThread(obey, command))
    reactor.run(installSignalHandlers=False)
