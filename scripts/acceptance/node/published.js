// What every check needs: pictures of their own, the service's answers, and a line for each check.

import { createHash, randomBytes } from "node:crypto"
import { readFileSync, writeFileSync } from "node:fs"
import { connect, createServer } from "node:net"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"

export const PHOTO = readFileSync(
  new URL("../../../fixtures/images/gps_iphone.jpg", import.meta.url),
)
export const MIB = 1 << 20

export function must(holds, sentence) {
  if (!holds) throw new Error(sentence)
}

/** A picture of its own with `bytes` bytes: what stands behind its end is no matter to readers. */
export function picture(folder, bytes) {
  const path = join(folder, `${randomBytes(4).toString("hex")}.jpg`)
  writeFileSync(path, Buffer.concat([PHOTO, randomBytes(bytes - PHOTO.length)]))
  return path
}

/** A running service and the key to it. */
export class Service {
  constructor(url, key) {
    this.url = url
    this.headers = { authorization: `Bearer ${key}` }
  }

  async ask(path, more) {
    const answer = await fetch(this.url + path, { headers: this.headers, ...more })
    const method = more?.method ?? "GET"
    must(answer.ok, `${method} ${path}: ${answer.status} ${answer.ok ? "" : await answer.text()}`)
    return answer
  }

  /** How many bytes the upload by tus has, by its address. */
  async offset(address) {
    const head = { method: "HEAD", headers: { ...this.headers, "tus-resumable": "1.0.0" } }
    const answer = await fetch(address, head)
    must(answer.ok, `HEAD ${address}: ${answer.status}`)
    return Number(answer.headers.get("upload-offset"))
  }

  /** What came of the upload before its request broke off is there. */
  async kept(address) {
    for (let tries = 0; tries < 100 && (await this.offset(address)) === 0; tries += 1) {
      await pause(100)
    }
    must((await this.offset(address)) > 0, "what came before the request broke off is lost")
  }

  /** The medium of the upload is published, with exactly the bytes of the file. */
  async arrived(uploadId, path) {
    const upload = await (await this.ask(`/v1/uploads/${uploadId}`)).json()
    must(upload.mediaId, `the upload has no medium: ${JSON.stringify(upload)}`)
    await this.published(upload.mediaId, path)
  }

  async published(mediaId, path) {
    let media
    for (let tries = 0; tries < 600; tries += 1) {
      media = await (await this.ask(`/v1/media/${mediaId}`)).json()
      if (["completed", "failed"].includes(media.processingStatus)) break
      await pause(100)
    }
    must(media.processingStatus === "completed", `the medium ended ${JSON.stringify(media)}`)
    const hash = (bytes) => createHash("sha256").update(bytes).digest("hex")
    const got = Buffer.from(await (await this.ask(`/v1/media/${mediaId}/file`)).arrayBuffer())
    must(hash(got) === hash(readFileSync(path)), `${got.length} other bytes came back`)
  }
}

/** A way to the service at `url` that is stuck after `bytes` bytes, until it is made free. */
export async function way(url, bytes) {
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
      // Nobody hears on a way that is stuck that the other end has gone: the program does not wait.
      client.unref()
      service.unref()
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
  return { origin: `http://127.0.0.1:${server.address().port}`, isStuck, free }
}

/** Runs the checks, a line each; the exit status says whether all passed. */
export async function run(name, checks) {
  for (const [check, its] of Object.entries(checks)) {
    try {
      await its()
      console.log(`ok   ${name}: ${check}`)
    } catch (error) {
      console.log(`FAIL ${name}: ${check}: ${error.message}`)
      process.exitCode = 1
    }
  }
}
