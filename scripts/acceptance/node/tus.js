// Sends pictures by tus-js-client, in each of the ways it knows, and asks whether they arrived.
//
// usage: node tus.js URL KEY NAME     NAME stands in front of each line that is printed

import { createHash, randomBytes } from "node:crypto"
import { createReadStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { connect, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { PassThrough } from "node:stream"
import { setTimeout as pause } from "node:timers/promises"
import * as tus from "tus-js-client"

const [url, key, name] = process.argv.slice(2)
const headers = { authorization: `Bearer ${key}` }
const folder = mkdtempSync(join(tmpdir(), "iven-acceptance-"))
const photo = readFileSync(new URL("../../../fixtures/images/gps_iphone.jpg", import.meta.url))
const MIB = 1 << 20

/** A picture of its own with `bytes` bytes: what stands behind its end is no matter to readers. */
function picture(bytes) {
  const path = join(folder, `${randomBytes(4).toString("hex")}.jpg`)
  writeFileSync(path, Buffer.concat([photo, randomBytes(bytes - photo.length)]))
  return path
}

function must(holds, sentence) {
  if (!holds) throw new Error(sentence)
}

async function ask(path) {
  const answer = await fetch(url + path, { headers })
  must(answer.ok, `GET ${path}: ${answer.status} ${answer.ok ? "" : await answer.text()}`)
  return answer
}

function options(more) {
  return {
    endpoint: `${url}/v1/tus`,
    headers,
    metadata: { eventId: "1", userId: "1", filename: "photo.jpg", filetype: "image/jpeg" },
    retryDelays: [200, 500, 1000],
    ...more,
  }
}

/** Sends all of it; answers with the address of the upload. */
function send(file, more, begin = (upload) => upload.start()) {
  return new Promise((resolve, reject) => {
    const ends = { onSuccess: () => resolve(upload.url), onError: reject }
    const upload = new tus.Upload(file, options({ ...more, ...ends }))
    Promise.resolve(begin(upload)).catch(reject)
  })
}

/** A way to the service that is stuck after `bytes` bytes, until it is made free. */
async function way(bytes) {
  const target = new URL(url)
  let stuck
  const isStuck = new Promise((resolve) => (stuck = resolve))
  const server = createServer((client) => {
    const service = connect(target.port, target.hostname)
    client.on("data", (piece) => {
      service.write(piece.subarray(0, Math.max(bytes, 0)))
      bytes -= piece.length
      if (bytes > 0) return
      client.pause()
      stuck()
    })
    service.on("data", (piece) => client.write(piece))
    for (const [from, to] of [[client, service], [service, client]]) {
      from.on("close", () => to.destroy()).on("error", () => to.destroy())
    }
  })
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve))
  // Resumed uploads take it again; it ends with the program.
  server.unref()
  const free = () => (bytes = Infinity)
  return { endpoint: `http://127.0.0.1:${server.address().port}/v1/tus`, isStuck, free }
}

/** Begins, is stuck on its way in the middle of a request, and breaks off there. */
async function sendSome(file, { isStuck, free }, more) {
  const some = new Promise((resolve, reject) => {
    const onSuccess = () => reject(new Error("it was sent whole and not broken off"))
    const upload = new tus.Upload(file, options({ ...more, onSuccess, onError: reject }))
    upload.start()
    isStuck.then(() => upload.abort()).then(() => resolve(upload.url), reject)
  })
  return some.finally(free)
}

/** Goes on with the upload that is remembered in `urlStorage`. */
function resume(file, more) {
  return send(file, more, async (upload) => {
    const known = await upload.findPreviousUploads()
    must(known.length === 1, `${known.length} earlier uploads are remembered, not 1`)
    upload.resumeFromPreviousUpload(known[0])
    upload.start()
  })
}

async function offset(address) {
  const head = { method: "HEAD", headers: { ...headers, "tus-resumable": "1.0.0" } }
  const answer = await fetch(address, head)
  must(answer.ok, `HEAD ${address}: ${answer.status}`)
  return Number(answer.headers.get("upload-offset"))
}

/** The medium of the upload is published, with exactly the bytes of the file. */
async function arrived(address, path) {
  const upload = await (await ask(`/v1/uploads/${address.split("/").pop()}`)).json()
  must(upload.mediaId, `the upload has no medium: ${JSON.stringify(upload)}`)
  let media
  for (let tries = 0; tries < 600; tries += 1) {
    media = await (await ask(`/v1/media/${upload.mediaId}`)).json()
    if (["completed", "failed"].includes(media.processingStatus)) break
    await pause(100)
  }
  must(media.processingStatus === "completed", `the medium ended ${JSON.stringify(media)}`)
  const hash = (bytes) => createHash("sha256").update(bytes).digest("hex")
  const got = Buffer.from(await (await ask(`/v1/media/${upload.mediaId}/file`)).arrayBuffer())
  must(hash(got) === hash(readFileSync(path)), `${got.length} other bytes came back`)
}

/** A stream; of one that is a file the client announces more bytes than are left (4.3.1). */
function unknownLength(path) {
  return createReadStream(path).pipe(new PassThrough())
}

function storage() {
  return new tus.FileUrlStorage(join(folder, `${randomBytes(4).toString("hex")}.json`))
}

const checks = {
  async plain() {
    const path = picture(25 * MIB)
    await arrived(await send(createReadStream(path)), path)
  },
  async "one small file"() {
    const path = picture(photo.length)
    await arrived(await send(readFileSync(path)), path)
  },
  async "requests of 4 MiB"() {
    const path = picture(25 * MIB)
    await arrived(await send(createReadStream(path), { chunkSize: 4 * MIB }), path)
  },
  async "abort and resume"() {
    const path = picture(25 * MIB)
    const { endpoint, ...stop } = await way(15 * MIB)
    const more = { urlStorage: storage(), endpoint }
    const address = await sendSome(createReadStream(path), stop, more)
    for (let tries = 0; tries < 100 && (await offset(address)) === 0; tries += 1) await pause(100)
    must((await offset(address)) > 0, "what came before the request broke off is lost")
    const resumed = await resume(createReadStream(path), more)
    must(resumed === address, `another upload was made: ${resumed}, not ${address}`)
    await arrived(resumed, path)
  },
  async "abort and resume at once"() {
    const path = picture(25 * MIB)
    const { endpoint, ...stop } = await way(15 * MIB)
    const more = { urlStorage: storage(), endpoint }
    const address = await sendSome(createReadStream(path), stop, more)
    const resumed = await resume(createReadStream(path), more)
    must(resumed === address, `another upload was made: ${resumed}, not ${address}`)
    await arrived(resumed, path)
  },
  async "parallelUploads 3"() {
    const path = picture(25 * MIB)
    await arrived(await send(createReadStream(path), { parallelUploads: 3 }), path)
  },
  async "parallelUploads 3, abort and resume"() {
    const path = picture(25 * MIB)
    // So many bytes are more than two of the three uploads have: each has its address by then.
    const { endpoint, ...stop } = await way(20 * MIB)
    const more = { urlStorage: storage(), endpoint, parallelUploads: 3, chunkSize: 2 * MIB }
    await sendSome(createReadStream(path), stop, more)
    await arrived(await resume(createReadStream(path), more), path)
  },
  async uploadDataDuringCreation() {
    const path = picture(25 * MIB)
    const more = { uploadDataDuringCreation: true }
    await arrived(await send(createReadStream(path), more), path)
    await arrived(await send(createReadStream(path), { ...more, chunkSize: 4 * MIB }), path)
  },
  async "deferred length"() {
    const path = picture(25 * MIB)
    const more = { uploadLengthDeferred: true, chunkSize: 4 * MIB }
    await arrived(await send(unknownLength(path), more), path)
  },
  async "deferred length, data during creation"() {
    // The client (4.3.1) waits for ever for the end of a stream that fills its last request.
    const path = picture(3 * MIB - 1)
    const more = { uploadLengthDeferred: true, uploadDataDuringCreation: true, chunkSize: MIB }
    await arrived(await send(unknownLength(path), more), path)
  },
  async overridePatchMethod() {
    const path = picture(3 * MIB)
    await arrived(await send(createReadStream(path), { overridePatchMethod: true }), path)
  },
  async terminate() {
    const path = picture(25 * MIB)
    const { endpoint, ...stop } = await way(6 * MIB)
    const address = await sendSome(createReadStream(path), stop, { endpoint })
    await tus.Upload.terminate(address, options())
    const head = { method: "HEAD", headers: { ...headers, "tus-resumable": "1.0.0" } }
    const { status } = await fetch(address, head)
    must([404, 410].includes(status), `HEAD of a terminated upload is answered with ${status}`)
  },
}

for (const [check, run] of Object.entries(checks)) {
  try {
    await run()
    console.log(`ok   ${name}: ${check}`)
  } catch (error) {
    console.log(`FAIL ${name}: ${check}: ${error.message}`)
    process.exitCode = 1
  }
}
rmSync(folder, { recursive: true })
