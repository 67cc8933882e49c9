// firebase-admin: the same push to many devices, 500 a call, which is the most that it takes.
//
// usage: node push.js PORT CA PUSHES; CA is a certificate's file. Prints one JSON object.

import { readFileSync } from "node:fs";
import http2 from "node:http2";
import { initializeApp } from "firebase-admin/app";
import { getMessaging } from "firebase-admin/messaging";

const MOST = 500;
const [port, file, count] = process.argv.slice(2);
const pushes = Number(count);
const ca = readFileSync(file);

// Google's address cannot be set, so its connections lead to this machine.
// It writes the scheme with a colon, which Google overlooks and other servers refuse.
const connect = http2.connect;
http2.connect = (_address, options) => {
  const session = connect(`https://127.0.0.1:${port}`, { ...options, ca });
  const request = session.request.bind(session);
  session.request = (headers, ...rest) => {
    headers[":scheme"] = "https";
    return request(headers, ...rest);
  };
  return session;
};

const credential = {
  getAccessToken: async () => ({ access_token: "token-1", expires_in: 3600 }),
};
const messaging = getMessaging(initializeApp({ credential, projectId: "iven-test" }));

function push(n) {
  const tag = n.toString(16).padStart(24, "0");
  return {
    token: `${String(n).padStart(22, "0")}:${"APA91b".repeat(23)}`,
    notification: {
      title: "Invitation",
      body: "Arthur vous a invité à « Anniversaire Marie »",
    },
    data: { eventId: "7", notificationId: tag, type: "event_invite" },
    android: {
      collapseKey: tag,
      priority: "high",
      ttl: 86_400_000,
      notification: { tag },
    },
    apns: {
      headers: {
        "apns-collapse-id": tag,
        "apns-expiration": String(Math.floor(Date.now() / 1000) + 86_400),
        "apns-priority": "10",
      },
      payload: { aps: { sound: "default" } },
    },
    webpush: { headers: { Topic: tag, TTL: "86400", Urgency: "high" } },
  };
}

const [began, before] = [performance.now(), process.cpuUsage()];
for (let first = 0; first < pushes; first += MOST) {
  const some = Array.from({ length: Math.min(MOST, pushes - first) }, (_, n) => push(first + n));
  const { failureCount, responses } = await messaging.sendEach(some);
  if (failureCount > 0) {
    throw responses.find(({ error }) => error).error;
  }
}
const seconds = (performance.now() - began) / 1000;
const { user, system } = process.cpuUsage(before);
console.log(JSON.stringify({ perSecond: pushes / seconds, cpuMicros: (user + system) / pushes }));
process.exit(0);
