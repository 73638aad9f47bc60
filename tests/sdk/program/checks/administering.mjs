// What concerns everybody, so that nothing else runs beside it; it comes last, and ends with everybody's rights.

import assert from "node:assert/strict";
import { refused } from "../context.mjs";

const admin = (kuzzle, action, more = {}) => kuzzle.query({ controller: "admin", action, ...more });

export default {
  async "mappings, fixtures and rights are loaded"({ kuzzle, index }) {
    const mappings = { [`${index}-loaded`]: { stations: { properties: { name: { type: "keyword" } } } } };
    assert.equal((await admin(kuzzle, "loadMappings", { body: mappings })).result.acknowledge, true);
    const lines = [{ index: { _id: "north" } }, { name: "North" }];
    await admin(kuzzle, "loadFixtures", { body: { [`${index}-loaded`]: { stations: lines } } });
    assert.equal((await kuzzle.document.get(`${index}-loaded`, "stations", "north"))._source.name, "North");
    const body = {
      roles: { loaded: { controllers: { document: { actions: { get: true } } } } },
      profiles: { loaded: { policies: [{ roleId: "loaded" }] } },
      users: { loaded: { content: { profileIds: ["loaded"] } } },
    };
    const options = { body, onExistingUsers: "overwrite" };
    assert.equal((await admin(kuzzle, "loadSecurities", options)).result.acknowledge, true);
    assert.deepEqual((await kuzzle.security.getUser("loaded")).profileIds, ["loaded"]);
  },

  async "the cache of indices is read again"({ kuzzle }) {
    await admin(kuzzle, "refreshIndexCache");
  },

  async "the cache is emptied"({ kuzzle, index }) {
    await kuzzle.ms.set(index, "x");
    await kuzzle.ms.flushdb();
    assert.equal(await kuzzle.ms.get(index), null);
    await kuzzle.ms.set(index, "x");
    assert.equal((await admin(kuzzle, "resetCache", { database: "memoryStorage" })).result.acknowledge, true);
    assert.equal(await kuzzle.ms.dbsize(), 0);
  },

  async "the database is emptied"({ kuzzle, index }) {
    assert.equal((await admin(kuzzle, "resetDatabase")).result.acknowledge, true);
    assert.equal(await kuzzle.index.exists(index), false);
  },

  async "rights go back to how they were"({ kuzzle }) {
    const { result } = await admin(kuzzle, "resetSecurity");
    assert.ok(result.deletedUsers >= 1 && result.deletedProfiles >= 1 && result.deletedRoles >= 1);
    await refused(kuzzle.security.getUser("loaded"), "security.user.not_found", 404);
  },

  async "the first administrator ends the rights of strangers"({ kuzzle }) {
    const credentials = { local: { username: "root", password: "correct horse" } };
    const root = await kuzzle.security.createFirstAdmin("root", { content: {}, credentials }, { reset: true });
    assert.deepEqual([root._id, root.profileIds], ["root", ["admin"]]);
    await refused(kuzzle.server.adminExists(), "security.rights.unauthorized", 401);
    await refused(kuzzle.document.get("i", "c", "x"), "security.rights.unauthorized", 401);
    await kuzzle.auth.login("local", credentials.local);
    assert.equal(await kuzzle.server.adminExists(), true);
    await refused(
      kuzzle.security.createFirstAdmin("other", { content: {}, credentials }),
      "api.process.admin_exists",
      412,
    );
  },
};
