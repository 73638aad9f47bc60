import assert from "node:assert/strict";
import { refused } from "../context.mjs";

export default {
  async "an index is made, found and listed"({ kuzzle, index }) {
    const name = `${index}-one`;
    assert.equal(await kuzzle.index.exists(name), false);
    await kuzzle.index.create(name);
    assert.equal(await kuzzle.index.exists(name), true);
    assert.ok((await kuzzle.index.list()).includes(name));
  },

  async "an index is made once"({ kuzzle, index }) {
    const error = await refused(kuzzle.index.create(`${index}-one`), "services.storage.index_already_exists", 412);
    assert.match(error.message, /already exists/);
  },

  async "bad names are refused"({ kuzzle }) {
    for (const name of ["UPPER", "a b", "a%b", "a,b", "_all", "x".repeat(200)]) {
      await refused(kuzzle.index.create(name), "services.storage.invalid_index_name", 400);
    }
  },

  async "stats tell documents and sizes"({ kuzzle, index, here }) {
    const stats = await kuzzle.index.stats();
    assert.equal(typeof stats.size, "number");
    const mine = stats.indexes.find((entry) => entry.name === index);
    assert.equal(typeof mine.size, "number");
    const stations = mine.collections.find((entry) => entry.name === here[1]);
    assert.equal(typeof stations.documentCount, "number");
    assert.equal(typeof stations.size, "number");
    assert.ok(!stats.indexes.some((entry) => entry.name.startsWith("%")));
  },

  async "indices are deleted, one and many"({ kuzzle, index }) {
    await kuzzle.index.delete(`${index}-one`);
    assert.equal(await kuzzle.index.exists(`${index}-one`), false);
    await refused(kuzzle.index.delete(`${index}-one`), "services.storage.unknown_index", 412);
    await kuzzle.index.create(`${index}-two`);
    assert.deepEqual(await kuzzle.index.mDelete([`${index}-two`]), [`${index}-two`]);
    assert.equal(await kuzzle.index.exists(`${index}-two`), false);
  },
};
