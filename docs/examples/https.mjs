// A page and hotsocket at one port, with node:https. Run: node docs/examples/https.mjs KEY.pem CERTIFICATE.pem
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import { AsyncServer } from 'hotsocket'

const [key, cert] = await Promise.all(process.argv.slice(2, 4).map((path) => readFile(path)))
const page = await readFile(new URL('echo.html', import.meta.url))
const https = createServer({ key, cert }, (request, response) => {
  if (request.url === '/') response.writeHead(200, { 'Content-Type': 'text/html' }).end(page)
  else response.writeHead(404).end()
})

const server = new AsyncServer({ onmessage: (client, message) => void client.send(message) })
server.attach(https, { path: '/echo' })

https.listen(Number(process.env.PORT ?? 8000), '127.0.0.1', () =>
  console.log(`https://127.0.0.1:${https.address().port}/`)
)
