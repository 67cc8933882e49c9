// Sends pictures by tus-js-client, in each of the ways it knows, and asks whether they arrived.
//
// usage: node tus.js URL KEY NAME     NAME stands in front of each line that is printed

import { randomBytes } from "node:crypto"
import { createReadStream, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { PassThrough } from "node:stream"
import * as tus from "tus-js-client"
import * as published from "./published.js"
import { MIB, PHOTO, must } from "./published.js"

const [url, key, name] = process.argv.slice(2)
const service = new published.Service(url, key)
const headers = service.headers
const folder = mkdtempSync(join(tmpdir(), "iven-acceptance-"))
const picture = (bytes) => published.picture(folder, bytes)

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

/** The endpoint, on a way that is stuck after `bytes` bytes. */
async function way(bytes) {
  const { origin, ...stop } = await published.way(url, bytes)
  return { endpoint: `${origin}/v1/tus`, ...stop }
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

/** The medium of the upload at `address` is published, with exactly the bytes of the file. */
function arrived(address, path) {
  return service.arrived(address.split("/").pop(), path)
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
    const path = picture(PHOTO.length)
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
    await service.kept(address)
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

await published.run(name, checks)
rmSync(folder, { recursive: true })
