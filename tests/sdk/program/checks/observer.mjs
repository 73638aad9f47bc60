import assert from "node:assert/strict";
import { Observer, eventually, ids } from "../context.mjs";

export default {
  async "a document follows what is stored"({ kuzzle, here, group }) {
    await kuzzle.document.create(...here, { group, name: "a" }, "seen");
    const observer = new Observer(kuzzle, { pullingDelay: 50 });
    const seen = await observer.get(...here, "seen");
    await kuzzle.document.update(...here, "seen", { name: "b" });
    await eventually(() => seen._source.name === "b", "the update");
    await kuzzle.document.delete(...here, "seen");
    await eventually(() => seen.deleted, "the deletion");
    await observer.stop();
  },

  async "found documents follow what is stored"({ kuzzle, here, group }) {
    const documents = [1, 2, 3, 4].map((n) => ({ _id: `seen-${n}`, body: { group, height: n } }));
    await kuzzle.document.mCreate(...here, documents, { strict: true });
    await kuzzle.collection.refresh(...here);
    const observer = new Observer(kuzzle, { pullingDelay: 50 });
    const body = { query: { bool: { filter: [{ term: { group } }, { range: { height: { lt: 4 } } }] } }, sort: [{ height: "asc" }] };
    let page = await observer.search(...here, body, { size: 2 });
    const seen = [...page.hits];
    for (page = await page.next(); page; page = await page.next()) seen.push(...page.hits);
    assert.deepEqual(ids(seen), ["seen-1", "seen-2", "seen-3"]);
    const { successes } = await observer.mGet(...here, ["seen-4", "nowhere"]);
    assert.deepEqual(ids(successes), ["seen-4"]);
    for (const id of ["seen-3", "seen-4"]) await kuzzle.document.update(...here, id, { name: "changed" });
    await eventually(() => seen[2]._source.name === "changed", "the update");
    await eventually(() => successes[0]._source.name === "changed", "the other update");
    await observer.stop(...here);
  },
};
