// Sends pictures by Uppy's Dashboard in a browser, and asks whether they arrived.
//
// usage: node uppy.js URL KEY PORT CHROMIUM NAME
//
// The page is served at PORT, an origin that the service must let in. NAME stands in front of each
// line that is printed.

import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as published from "../node/published.js"
import { MIB, must, way } from "../node/published.js"
import { Visit, launch, servePage, soon } from "./browser.js"

const [url, key, port, chromium, name] = process.argv.slice(2)
const service = new published.Service(url, key)
// A short name: Chromium puts a socket below it, whose path may have 107 bytes.
const folder = mkdtempSync(join(tmpdir(), "uppy-"))
const picture = (bytes) => published.picture(folder, bytes)
/** The third part, at the service or at a bucket. */
const THIRD = /\/parts\/3\?|[?&]partNumber=3(&|$)/
const ANY_PART = /\/parts\/\d+\?|[?&]partNumber=/
let browser, token

/** What a page may have: the token says who the user is. */
async function mint() {
  const body = JSON.stringify({ userId: 1, events: [1], scope: "upload" })
  const headers = { ...service.headers, "content-type": "application/json" }
  return (await (await service.ask("/v1/tokens", { method: "POST", headers, body })).json()).token
}

/** A check on a page of its own, whose Uppy knows the service as `origin`. */
async function visit(uploader, origin, check) {
  const said = new URLSearchParams({ uploader, service: origin, token })
  const visit = await Visit.begin(browser, `http://127.0.0.1:${port}/?${said}`)
  try {
    await check(visit)
  } finally {
    await visit.end()
  }
}

/** What Uppy calls the address of a file leads to a medium, which has the file's bytes. */
async function arrived(address, path) {
  const [, kind, id] = /\/(tus|uploads|media)\/([^/?]+)/.exec(address) ?? []
  must(id, `Uppy names no upload and no medium but ${address}`)
  await (kind === "media" ? service.published(id, path) : service.arrived(id, path))
}

/** Sent by tus, broken off in the middle of a request, and gone on with where it was. */
async function brokenOff(breakOff, goOn) {
  const path = picture(25 * MIB)
  const { origin, isStuck, free } = await way(url, 15 * MIB)
  await visit("tus", origin, async (page) => {
    await page.send(path)
    await soon(isStuck, () => `Uppy does not send 15 MiB${page.said()}`)
    await breakOff(page, path)
    free()
    const created = page.to("POST", /\/v1\/tus$/)
    must(created.length === 1, `${created.length} uploads were made${page.said()}`)
    const address = new URL(created[0].headers().location, created[0].url()).href
    await service.kept(address)
    await goOn(page, path)
    const resumed = await page.sent()
    must(resumed === address, `another upload was made: ${resumed}, not ${address}`)
    const offsets = page.to("HEAD", /\/v1\/tus\//).map((head) => head.headers()["upload-offset"])
    must(offsets.some((offset) => offset > 0), `Uppy did not go on, but began at ${offsets}`)
    await arrived(resumed, path)
  })
}

/** Parts are sent, and one of them is stuck: `check` says what becomes of them. */
async function stuckPart(check) {
  const path = picture(25 * MIB)
  await visit("s3", url, async (page) => {
    const isHeld = await page.hold("PUT", THIRD)
    await page.send(path)
    await isHeld()
    // Uppy cuts into parts of 5 MiB.
    await page.partsAre(4)
    await check(page, path)
  })
}

const checks = {
  async "tus"() {
    const path = picture(25 * MIB)
    await visit("tus", url, async (page) => {
      await page.send(path)
      await arrived(await page.sent(), path)
    })
  },
  async "tus, pause and resume"() {
    const press = (page) => page.pauseOrResume()
    await brokenOff(press, press)
  },
  async "tus, the page is loaded again and given the same file"() {
    await brokenOff((page) => page.page.reload(), (page, path) => page.send(path))
  },
  async "aws-s3, one PUT"() {
    const path = picture(3 * MIB)
    await visit("s3", url, async (page) => {
      await page.send(path)
      await arrived(await page.sent(), path)
      must(page.to("POST", /multipart/).length === 0, "it was sent in parts")
    })
  },
  async "aws-s3, multipart"() {
    const path = picture(25 * MIB)
    await visit("s3", url, async (page) => {
      await page.send(path)
      await arrived(await page.sent(), path)
      const parts = page.to("PUT", ANY_PART).length
      must(parts === 5, `it was sent in ${parts} parts, not in 5`)
    })
  },
  async "aws-s3, multipart, pause and resume"() {
    await stuckPart(async (page, path) => {
      await page.pauseOrResume()
      await page.pauseOrResume()
      await arrived(await page.sent(), path)
      must(page.to("GET", /\/s3\/multipart\/[^/]+$/).length === 1, "Uppy did not ask for the parts")
      const parts = page.to("PUT", ANY_PART).length
      must(parts === 5, `${parts} parts were sent, not the 4 and the one that was stuck`)
    })
  },
  async "aws-s3, multipart, cancelled"() {
    await stuckPart(async (page) => {
      const gone = page.answer("DELETE", /\/s3\/multipart\//)
      await page.click("[data-cy=cancel]")
      const [, id] = /multipart\/([^/?]+)/.exec((await gone).url())
      const { status } = await (await service.ask(`/v1/uploads/${id}`)).json()
      must(status === "cancelled", `the upload is ${status} and not cancelled`)
    })
  },
}

let stopServing
try {
  token = await mint()
  stopServing = await servePage(port)
  browser = await launch(chromium, folder)
  await published.run(name, checks)
} finally {
  await browser?.close()
  stopServing?.()
  rmSync(folder, { recursive: true })
}
