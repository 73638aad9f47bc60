// The line between client and server breaks: what the SDK does about it by itself.

import assert from "node:assert/strict";
import net from "node:net";
import { eventually, next } from "../context.mjs";

// Something between client and server that can be cut: `{port, cut(), mend()}`.
const line = async (port) => {
  const sockets = new Set();
  let whole = true;
  const server = net.createServer((client) => {
    if (!whole) return client.destroy();
    const upstream = net.connect(port, "127.0.0.1");
    for (const [socket, other] of [[client, upstream], [upstream, client]]) {
      sockets.add(socket);
      socket.on("error", () => {}).on("close", () => sockets.delete(socket) && other.destroy()).pipe(other);
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.unref();
  return {
    port: server.address().port,
    cut() {
      whole = false;
      for (const socket of sockets) socket.destroy();
    },
    mend() {
      whole = true;
    },
  };
};

export default {
  async "subscriptions are made again"(context) {
    const between = await line(context.port);
    const kuzzle = await context.connect({ port: between.port });
    const heard = [];
    await kuzzle.realtime.subscribe(context.index, "cut", { exists: "name" }, ({ result }) => heard.push(result._id));
    const [lost, back] = [next(kuzzle, "networkError"), next(kuzzle, "reconnected")];
    between.cut();
    await lost;
    between.mend();
    await back;
    await eventually(async () => {
      await context.kuzzle.realtime.publish(context.index, "cut", { name: "x" }, { _id: "after" });
      return heard.includes("after");
    }, "a message after the cut");
  },

  async "a user stays logged in"(context) {
    const between = await line(context.port);
    const { kuzzle, credentials } = await context.loggedIn("cut", { port: between.port });
    const [lost, back] = [next(kuzzle, "networkError"), next(kuzzle, "reconnected")];
    between.cut();
    await lost;
    between.mend();
    await back;
    assert.equal((await kuzzle.auth.getCurrentUser())._id, credentials.username);
  },

  async "what was asked meanwhile is asked again"(context) {
    const between = await line(context.port);
    const kuzzle = await context.connect({ port: between.port, autoQueue: true, autoReplay: true });
    const lost = next(kuzzle, "networkError");
    between.cut();
    await lost;
    const waiting = [1, 2, 3].map((n) => kuzzle.document.create(...context.here, { group: context.group }, `cut-${n}`));
    assert.equal(kuzzle.offlineQueue.length, 3);
    between.mend();
    const made = await Promise.all(waiting);
    assert.deepEqual(made.map(({ _id }) => _id), ["cut-1", "cut-2", "cut-3"]);
    assert.equal(kuzzle.offlineQueue.length, 0);
  },
};
