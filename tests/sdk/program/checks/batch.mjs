import assert from "node:assert/strict";
import { BatchController } from "../context.mjs";

export default {
  async "single calls go as many at once, each with its own answer"({ kuzzle, here, group }) {
    const batch = new BatchController(kuzzle, { interval: 20 });
    const numbers = [...Array(20).keys()];
    const made = await Promise.all(numbers.map((n) => batch.create(...here, { group, height: n }, `batch-${n}`)));
    assert.deepEqual(made.map(({ _id }) => _id), numbers.map((n) => `batch-${n}`));
    const [replaced, put, updated, read, exists, missing] = await Promise.all([
      batch.replace(...here, "batch-0", { group, name: "r" }),
      batch.createOrReplace(...here, "batch-new", { group, name: "c" }),
      batch.update(...here, "batch-1", { name: "u" }),
      batch.get(...here, "batch-2"),
      batch.exists(...here, "batch-3"),
      batch.exists(...here, "batch-nowhere"),
    ]);
    assert.equal(replaced._id, "batch-0");
    assert.equal(put._id, "batch-new");
    assert.deepEqual([updated._source.name, updated._source.height], ["u", 1]);
    assert.equal(read._source.height, 2);
    assert.deepEqual([exists, missing], [true, false]);
    await assert.rejects(batch.get(...here, "batch-nowhere"), { id: "services.storage.not_found" });
    await assert.rejects(batch.createOrReplace(...here, "x".repeat(600), { group }));
    await Promise.all(numbers.map((n) => batch.delete(...here, `batch-${n}`)));
    assert.equal(await kuzzle.document.exists(...here, "batch-5"), false);
    await batch.dispose();
  },
};
