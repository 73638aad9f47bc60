import assert from "node:assert/strict";
import { eventually, refused } from "../context.mjs";

export default {
  async "the time"({ kuzzle }) {
    assert.ok(Math.abs((await kuzzle.server.now()) - Date.now()) < 60_000);
  },

  async "whether there is an administrator"({ kuzzle }) {
    assert.equal(await kuzzle.server.adminExists(), false);
  },

  async "what the server is and has"({ kuzzle }) {
    const { serverInfo } = await kuzzle.server.info();
    assert.equal(typeof serverInfo.kuzzle.version, "string");
    assert.ok(serverInfo.kuzzle.api.routes.document.get);
    const capabilities = await kuzzle.server.capabilities();
    for (const name of ["limits", "plugins", "routes", "services", "version"]) {
      assert.ok(capabilities[name] !== undefined, name);
    }
  },

  async "its configuration, without secrets"({ kuzzle }) {
    const config = JSON.stringify(await kuzzle.server.getConfig());
    for (const secret of ["secret", "password"]) assert.ok(!new RegExp(`"[^"]*${secret}[^"]*":"`, "i").test(config));
  },

  async "statistics"({ kuzzle }) {
    const last = await kuzzle.server.getLastStats();
    for (const name of ["completedRequests", "failedRequests", "ongoingRequests", "connections", "timestamp"]) {
      assert.ok(name in last, name);
    }
    const every = await kuzzle.server.getAllStats();
    assert.equal(every.total, every.hits.length);
    const some = await kuzzle.server.getStats(0, Date.now() + 1000);
    assert.ok(some.total >= every.total);
    await refused(kuzzle.server.getStats("nonsense", 1), "api.assert.invalid_argument", 400);
  },

  async "health, metrics and the public API"({ kuzzle }) {
    const ask = async (action) => (await kuzzle.query({ controller: "server", action })).result;
    // a store that is busy just now is red for a moment
    const health = () => ask("healthCheck").catch(() => null);
    assert.equal((await eventually(health, "a healthy server")).status, "green");
    const metrics = await ask("metrics");
    assert.equal(typeof metrics.api.concurrentRequests, "number");
    assert.equal(typeof metrics.realtime.rooms, "number");
    const api = await ask("publicApi");
    assert.equal(api.document.get.http[0].url, "/:index/:collection/:_id");
  },
};
