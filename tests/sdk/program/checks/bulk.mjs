import assert from "node:assert/strict";
import { ids, refused } from "../context.mjs";

export default {
  async "lines are imported"({ kuzzle, here, group }) {
    const done = await kuzzle.bulk.import(...here, [
      { index: { _id: "bulk-1" } },
      { group, name: "one" },
      { create: { _id: "bulk-2" } },
      { group, name: "two" },
      { update: { _id: "bulk-1" } },
      { doc: { height: 1 } },
      { create: { _id: "bulk-2" } },
      { group, name: "again" },
      { delete: { _id: "bulk-nowhere" } },
    ]);
    assert.deepEqual(done.successes.map((item) => Object.keys(item)[0]).slice(0, 3), ["index", "create", "update"]);
    assert.equal(done.errors[0].create._id, "bulk-2");
    const one = await kuzzle.document.get(...here, "bulk-1");
    assert.deepEqual([one._source.name, one._source.height, one._source._kuzzle_info.author], ["one", 1, "-1"]);
  },

  async "documents are written as they are"({ kuzzle, here, group }) {
    const kept = { author: "somebody", createdAt: 5, updatedAt: null, updater: null };
    const written = await kuzzle.bulk.write(...here, { group, _kuzzle_info: kept }, "bulk-3");
    assert.equal(written._id, "bulk-3");
    assert.deepEqual((await kuzzle.document.get(...here, "bulk-3"))._source._kuzzle_info, kept);
    const many = await kuzzle.bulk.mWrite(...here, [
      { _id: "bulk-4", body: { group, name: "four" } },
      { body: { group, name: "five" } },
    ]);
    assert.deepEqual([many.successes.length, many.errors, many.successes[0]._id], [2, [], "bulk-4"]);
    assert.equal((await kuzzle.document.get(...here, "bulk-4"))._source._kuzzle_info, undefined);
  },

  async "queries update and delete without a limit"({ kuzzle, here, group }) {
    await kuzzle.collection.refresh(...here);
    const query = { term: { group } };
    assert.equal(await kuzzle.bulk.updateByQuery(...here, query, { text: "changed" }), 5);
    assert.equal((await kuzzle.document.get(...here, "bulk-2"))._source.text, "changed");
    await kuzzle.collection.refresh(...here);
    assert.equal(await kuzzle.bulk.deleteByQuery(...here, { query }), 5);
    assert.deepEqual(ids((await kuzzle.document.mGet(...here, ["bulk-1", "bulk-4"])).successes), []);
    await refused(kuzzle.bulk.deleteByQuery(...here, {}), "services.storage.missing_argument");
  },
};
