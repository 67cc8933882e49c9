// The page in a headless Chromium: what a person would do on it, and what it asked of the service.

import { createServer } from "node:http"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"
import puppeteer from "puppeteer-core"
import { must } from "../node/published.js"

/** Longer than anything takes here; without an end a fault of the page would hang the checks. */
const PATIENCE = 60_000

/** Serves the page at `port` of this machine, and says how to stop. */
export async function servePage(port) {
  const here = (name) => fileURLToPath(new URL(name, import.meta.url))
  const bundle = { bundle: true, write: false, outdir: "/", logLevel: "warning" }
  const { outputFiles } = await build({ entryPoints: [here("page.js")], ...bundle })
  const text = (suffix) => outputFiles.find(({ path }) => path.endsWith(suffix)).text
  const files = {
    "/": ["text/html", readFileSync(here("page.html"))],
    "/page.js": ["text/javascript", text(".js")],
    "/page.css": ["text/css", text(".css")],
  }
  const server = createServer((request, answer) => {
    const [kind, body] = files[request.url.split("?")[0]] ?? []
    answer.writeHead(kind ? 200 : 404, { "content-type": `${kind ?? "text/plain"}; charset=utf-8` })
    answer.end(body)
  })
  await new Promise((resolve, reject) => {
    server.on("error", reject).listen(port, "127.0.0.1", resolve)
  })
  return () => server.close()
}

/** Starts the browser; what it keeps lies in `folder`. */
export function launch(executablePath, folder) {
  const args = ["--disable-dev-shm-usage", "--disable-breakpad"]
  // The sandbox does not start for root.
  if (process.getuid() === 0) args.push("--no-sandbox")
  // Where it puts files besides its profile.
  const env = { ...process.env, HOME: folder, TMPDIR: folder }
  return puppeteer.launch({ executablePath, args, env, userDataDir: `${folder}/profile` })
}

/** One page, with a storage of its own. */
export class Visit {
  /** Every answer, and what the page complained of. */
  answers = []
  complaints = []

  static async begin(browser, address) {
    const visit = new Visit()
    visit.context = await browser.createBrowserContext()
    visit.page = await visit.context.newPage()
    // Where more can be said, `soon` says it first.
    visit.page.setDefaultTimeout(PATIENCE + 5_000)
    visit.page.on("response", (response) => visit.answers.push(response))
    visit.page.on("pageerror", (error) => visit.complaints.push(error.message))
    visit.page.on("console", (said) => {
      if (said.type() === "error") visit.complaints.push(said.text())
    })
    await visit.page.goto(address)
    return visit
  }

  end() {
    return this.context.close()
  }

  /** Gives the file to the Dashboard and lets it begin. */
  async send(path) {
    const input = await this.page.waitForSelector(".uppy-Dashboard-input")
    await input.uploadFile(path)
    await this.click(".uppy-StatusBar-actionBtn--upload")
  }

  /** Pauses, or goes on. */
  pauseOrResume() {
    return this.click("[data-cy=togglePauseResume]")
  }

  async click(button) {
    // The Dashboard moves while it opens: a click at a place would miss.
    await (await this.page.waitForSelector(button)).evaluate((element) => element.click())
  }

  /** The address of the file, once Uppy has sent it. */
  async sent() {
    const ended = this.page.evaluate(() => window.ended)
    const { addresses, faults } = await soon(ended, () => `Uppy does not end${this.said()}`)
    must(faults.length === 0, `Uppy: ${faults.join(", ")}${this.said()}`)
    must(addresses.length === 1, `Uppy has sent ${addresses.length} files${this.said()}`)
    return addresses[0]
  }

  said() {
    return this.complaints.map((complaint) => `; ${complaint}`).join("")
  }

  /** The answers to this method at addresses of this form. */
  to(method, form) {
    const is = (answer) => answer.request().method() === method && form.test(answer.url())
    return this.answers.filter(is)
  }

  /** So many parts have been sent. */
  async partsAre(count) {
    const are = this.page.waitForFunction((count) => window.parts === count, {}, count)
    await soon(are, () => `Uppy has not sent ${count} parts${this.said()}`)
  }

  /** The next answer to this method at an address of this form. */
  answer(method, form) {
    const is = (answer) => answer.request().method() === method && form.test(answer.url())
    return this.page.waitForResponse(is)
  }

  /** Holds back the first request of this method and form, as a network does that is stuck. */
  async hold(method, form) {
    let held = false
    await this.page.setRequestInterception(true)
    const isHeld = new Promise((resolve) => {
      this.page.on("request", (request) => {
        if (!held && request.method() === method && form.test(request.url())) {
          resolve((held = true))
        } else {
          // One that the page has given up meanwhile cannot go on.
          request.continue().catch(() => {})
        }
      })
    })
    return () => soon(isHeld, () => `the page asks for no ${method} ${form}${this.said()}`)
  }
}

/** What `promise` brings, or an error with the sentence when it takes too long. */
export async function soon(promise, sentence) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(sentence())), PATIENCE)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}
