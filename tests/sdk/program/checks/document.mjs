import assert from "node:assert/strict";
import { ids, refused } from "../context.mjs";

export default {
  async "a document is made and read"({ kuzzle, here, group }) {
    const made = await kuzzle.document.create(...here, { group, name: "North" }, "north");
    assert.deepEqual([made._id, made._version], ["north", 1]);
    const info = made._source._kuzzle_info;
    assert.deepEqual([info.author, info.updatedAt, info.updater], ["-1", null, null]);
    assert.equal(typeof info.createdAt, "number");
    assert.deepEqual(await kuzzle.document.get(...here, "north"), made);
    assert.equal(await kuzzle.document.exists(...here, "north"), true);
    assert.equal(await kuzzle.document.exists(...here, "nowhere"), false);
    assert.ok((await kuzzle.document.create(...here, { group }))._id.length >= 20);
  },

  async "a taken id and an unknown one are told"({ kuzzle, here }) {
    await refused(kuzzle.document.create(...here, {}, "north"), "services.storage.document_already_exists", 400);
    const error = await refused(kuzzle.document.get(...here, "nowhere"), "services.storage.not_found", 404);
    assert.equal(error.message, `Document "nowhere" not found in "${here[0]}":"${here[1]}".`);
    assert.equal(error.constructor.name, "KuzzleError");
  },

  async "a document is updated and replaced"({ kuzzle, here, group }) {
    const changes = { height: 3, nested: { deep: "x" } };
    const updated = await kuzzle.document.update(...here, "north", changes, { retryOnConflict: 3, source: true });
    assert.deepEqual([updated._version, updated._source.name, updated._source.height], [2, "North", 3]);
    const bare = await kuzzle.document.update(...here, "north", { nested: { other: 1 } });
    assert.equal(bare._source.name, undefined);
    assert.deepEqual((await kuzzle.document.get(...here, "north"))._source.nested, { deep: "x", other: 1 });
    const replaced = await kuzzle.document.replace(...here, "north", { group, name: "N" });
    assert.deepEqual([replaced._source.name, replaced._source.height], ["N", undefined]);
    await refused(kuzzle.document.update(...here, "nowhere", {}), "services.storage.not_found", 404);
    await refused(kuzzle.document.replace(...here, "nowhere", {}), "services.storage.not_found", 404);
  },

  async "a document is made if it is missing"({ kuzzle, here, group }) {
    assert.equal((await kuzzle.document.createOrReplace(...here, "south", { group })).created, true);
    assert.equal((await kuzzle.document.createOrReplace(...here, "south", { group, name: "S" })).created, false);
    const options = { default: { group, height: 1 }, source: true };
    const made = await kuzzle.document.upsert(...here, "west", { name: "W" }, options);
    assert.deepEqual([made.created, made._source.name, made._source.height], [true, "W", 1]);
    assert.equal((await kuzzle.document.upsert(...here, "west", { name: "V" })).created, false);
  },

  async "fields and documents are taken away"({ kuzzle, here }) {
    const stripped = await kuzzle.document.deleteFields(...here, "west", ["height", "nope"], { source: true });
    assert.equal(stripped._source.height, undefined);
    assert.equal(stripped._source.name, "V");
    assert.equal(await kuzzle.document.delete(...here, "west"), "west");
    await refused(kuzzle.document.delete(...here, "west"), "services.storage.not_found", 404);
  },

  async "many are made, changed and read, in order"({ kuzzle, here, group }) {
    const documents = [0, 1, 2, 3, 4].map((n) => ({ _id: `many-${n}`, body: { group, name: "many", height: n } }));
    const made = await kuzzle.document.mCreate(...here, documents);
    assert.deepEqual(ids(made.successes), ids(documents));
    const again = await kuzzle.document.mCreate(...here, documents.slice(0, 1));
    assert.deepEqual([again.successes, again.errors[0].document], [[], documents[0]]);
    assert.equal((await kuzzle.document.mReplace(...here, documents.slice(0, 2))).successes.length, 2);
    assert.equal((await kuzzle.document.mCreateOrReplace(...here, documents.slice(0, 2))).successes.length, 2);
    const updated = await kuzzle.document.mUpdate(...here, [{ _id: "many-0", body: { height: 9 } }]);
    assert.deepEqual([updated.successes[0]._source.height, updated.successes[0]._source.name], [9, "many"]);
    const upserted = await kuzzle.document.mUpsert(...here, [
      { _id: "many-0", changes: { height: 10 } },
      { _id: "many-5", changes: { height: 5 }, default: { group, name: "many" } },
    ]);
    assert.deepEqual(upserted.successes.map(({ created }) => created), [false, true]);
    const read = await kuzzle.document.mGet(...here, ["many-1", "nowhere", "many-0"]);
    assert.deepEqual([ids(read.successes), read.errors], [["many-1", "many-0"], ["nowhere"]]);
    const missing = await kuzzle.document.mUpdate(...here, [{ _id: "nowhere", body: {} }]);
    assert.equal(missing.errors[0].status, 404);
  },

  async "strict means all or nothing"({ kuzzle, here, group }) {
    const documents = [{ _id: "strict-0", body: { group } }, { _id: "many-0", body: { group } }];
    const error = await refused(
      kuzzle.document.mCreate(...here, documents, { strict: true }),
      "api.process.incomplete_multiple_request",
      400,
    );
    assert.equal(error.count, 1);
    assert.equal(error.errors[0].document._id, "many-0");
    assert.equal(await kuzzle.document.exists(...here, "strict-0"), false);
  },

  async "queries count, update and delete"({ kuzzle, here, group }) {
    await kuzzle.collection.refresh(...here);
    const many = { query: { bool: { filter: [{ term: { group } }, { term: { name: "many" } }] } } };
    assert.equal(await kuzzle.document.count(...here, many), 6);
    const updated = await kuzzle.document.updateByQuery(...here, many.query, { text: "changed" }, { source: true });
    assert.equal(updated.successes.length, 6);
    assert.equal(updated.successes[0]._source.text, "changed");
    const koncorde = { and: [{ equals: { group } }, { equals: { name: "many" } }, { range: { height: { gte: 5 } } }] };
    await kuzzle.collection.refresh(...here);
    const high = await kuzzle.document.deleteByQuery(...here, { query: koncorde }, { lang: "koncorde" });
    assert.deepEqual(high.sort(), ["many-0", "many-5"]);
    assert.equal((await kuzzle.document.mDelete(...here, ["many-1", "nowhere"])).successes[0], "many-1");
  },

  async "authors are written down"(context) {
    const { kuzzle, credentials } = await context.loggedIn("author");
    const made = await kuzzle.document.create(...context.here, { group: context.group }, "signed");
    assert.equal(made._source._kuzzle_info.author, credentials.username);
    const updated = await context.kuzzle.document.update(...context.here, "signed", { name: "x" }, { source: true });
    assert.deepEqual(
      [updated._source._kuzzle_info.author, updated._source._kuzzle_info.updater],
      [credentials.username, "-1"],
    );
  },

  async "documents are held against the collection's specification"({ kuzzle, here }) {
    assert.equal((await kuzzle.document.validate(...here, { name: "x" })).valid, true);
  },
};
