// nodemailer's pool: the same mail to many people.
//
// usage: node mail.js PORT MAILS CONNECTIONS WORDS; WORDS is the mail in JSON. Prints one JSON object.

import nodemailer from "nodemailer";

const [port, mails, connections] = process.argv.slice(2, 5).map(Number);
const { from, subject, text, html, unsubscribe } = JSON.parse(process.argv[5]);

const transport = nodemailer.createTransport({
  host: "127.0.0.1",
  port,
  pool: true,
  maxConnections: connections,
  maxMessages: Infinity,
  ignoreTLS: true,
});
let next = 0;

async function send() {
  for (let n = next++; n < mails; n = next++) {
    await transport.sendMail({
      from,
      to: { name: "Léa Martin", address: `user${n}@example.net` },
      subject,
      text,
      html,
      messageId: `<bench-${n}@example.org>`,
      headers: {
        "Auto-Submitted": "auto-generated",
        "Content-Language": "fr",
        "List-Unsubscribe": `<${unsubscribe}>`,
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
      },
    });
  }
}

const [began, before] = [performance.now(), process.cpuUsage()];
// More than there are connections: the pool has always a mail for the one that is free.
await Promise.all(Array.from({ length: 4 * connections }, send));
const seconds = (performance.now() - began) / 1000;
const { user, system } = process.cpuUsage(before);
console.log(JSON.stringify({ perSecond: mails / seconds, cpuMicros: (user + system) / mails }));
process.exit(0);
