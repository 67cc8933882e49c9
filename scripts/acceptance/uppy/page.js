// A page on which Uppy's Dashboard sends what it is given; its address says how and whereto.

import Uppy from "@uppy/core"
import AwsS3 from "@uppy/aws-s3"
import Dashboard from "@uppy/dashboard"
import Tus from "@uppy/tus"
import "@uppy/core/css/style.min.css"
import "@uppy/dashboard/css/style.min.css"

const { uploader, service, token } = Object.fromEntries(new URLSearchParams(location.search))
const headers = { authorization: `Bearer ${token}` }

const uppy = new Uppy({ meta: { eventId: 1 } })
uppy.use(Dashboard, { inline: true, target: "#dashboard" })
if (uploader === "tus") {
  uppy.use(Tus, { endpoint: `${service}/v1/tus`, headers })
} else {
  // The plugin's own limit is 100 MiB, which would only make the files of the checks larger.
  const shouldUseMultipart = (file) => file.size > 10 << 20
  uppy.use(AwsS3, { endpoint: service, headers, shouldUseMultipart })
}

// What whoever drives the page waits for.
window.ended = new Promise((resolve) => {
  uppy.on("complete", ({ successful, failed }) => {
    const addresses = successful.map((file) => file.response.uploadURL)
    resolve({ addresses, faults: failed.map((file) => file.error) })
  })
})
window.parts = 0
uppy.on("s3-multipart:part-uploaded", () => (window.parts += 1))
