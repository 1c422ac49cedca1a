// A Node application whose handler fails until somebody mends it: the file `mended` is there then.
"use strict";

const fs = require("node:fs");
const amqp = require("amqplib");

async function main() {
  const connection = await amqp.connect(process.env.BROKER);
  const channel = await connection.createConfirmChannel();
  if (process.argv[2] === "send") {
    for (let number = 0; number < 5; number += 1) {
      const options = { persistent: true, messageId: `job-${number}`, type: "Convert", headers: { attempt: number } };
      channel.sendToQueue("jobs", Buffer.from(JSON.stringify({ number })), options);
    }
    await channel.waitForConfirms();
    await connection.close();
    return;
  }
  await channel.prefetch(2);
  await channel.consume("jobs", (message) => {
    if (!fs.existsSync("mended")) {
      channel.nack(message, false, false);
      return;
    }
    fs.appendFileSync("done", `${JSON.parse(message.content).number}\n`);
    channel.ack(message);
  });
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
