import assert from "node:assert/strict";
import { ids, refused } from "../context.mjs";

// The ids of each page, and the total that the first page told.
const pages = async (search) => {
  let page = await search;
  const { total } = page;
  const found = [];
  for (; page; page = await page.next()) found.push(ids(page.hits));
  return [found, total];
};

export default {
  async "there is something to find"({ kuzzle, here, group }) {
    const documents = [5, 4, 3, 2, 1].map((n) => ({
      _id: `find-${n}`,
      body: { group, name: `n${n % 2}`, height: n, text: "A small weather station", tags: ["x", `t${n}`] },
    }));
    await kuzzle.document.mCreate(...here, documents, { strict: true });
    await kuzzle.collection.refresh(...here);
  },

  async "pages by scroll"({ kuzzle, here, group }) {
    const search = kuzzle.document.search(
      ...here,
      { query: { term: { group } }, sort: [{ height: "asc" }] },
      { size: 2, scroll: "30s" },
    );
    assert.deepEqual(await pages(search), [[["find-1", "find-2"], ["find-3", "find-4"], ["find-5"]], 5]);
  },

  async "pages by search_after"({ kuzzle, here, group }) {
    const body = { query: { term: { group } }, sort: [{ name: "asc" }, { _id: "desc" }] };
    assert.deepEqual(await pages(kuzzle.document.search(...here, body, { size: 2 })), [
      [["find-4", "find-2"], ["find-5", "find-3"], ["find-1"]],
      5,
    ]);
  },

  async "pages by from and size"({ kuzzle, here, group }) {
    const [found, total] = await pages(kuzzle.document.search(...here, { query: { term: { group } } }, { size: 3 }));
    assert.deepEqual([found.map((page) => page.length), total], [[3, 2], 5]); // in no fixed order while others write
  },

  async "one page has no next"({ kuzzle, here, group }) {
    const page = await kuzzle.document.search(...here, { query: { term: { group } } });
    assert.deepEqual([page.fetched, page.total, await page.next()], [5, 5, null]);
  },

  async "an unknown scroll is told"({ kuzzle }) {
    const query = { controller: "document", action: "scroll", scrollId: "nonsense", scroll: "1s" };
    await refused(kuzzle.query(query), "services.storage.unknown_scroll_id", 404);
  },

  async "filters of Koncorde find the same"({ kuzzle, here, group }) {
    const find = async (filter) => {
      const query = { and: [{ equals: { group } }, filter] };
      const found = await kuzzle.document.search(...here, { query }, { lang: "koncorde", size: 10 });
      return ids(found.hits).map((id) => id.slice(5)).sort().join("");
    };
    assert.equal(await find({ equals: { name: "n1" } }), "135");
    assert.equal(await find({ in: { name: ["n0", "other"] } }), "24");
    assert.equal(await find({ ids: { values: ["find-2", "nowhere"] } }), "2");
    assert.equal(await find({ range: { height: { gt: 1, lte: 4 } } }), "234");
    assert.equal(await find({ exists: "height" }), "12345");
    assert.equal(await find({ exists: 'tags["t3"]' }), "3");
    assert.equal(await find({ missing: "place" }), "12345");
    assert.equal(await find({ not: { equals: { name: "n1" } } }), "24");
    assert.equal(await find({ or: [{ equals: { height: 1 } }, { equals: { height: 2 } }] }), "12");
  },

  async "texts, highlights and aggregations"({ kuzzle, here, group }) {
    const query = { bool: { filter: [{ term: { group } }], must: [{ match: { text: "WEATHER" } }] } };
    const aggregations = { names: { terms: { field: "name" } } };
    const found = await kuzzle.document.search(...here, { query, aggregations }, { size: 1 });
    assert.equal(found.total, 5);
    const buckets = found.aggregations.names.buckets.map(({ key, doc_count }) => [key, doc_count]);
    assert.deepEqual(buckets, [["n1", 3], ["n0", 2]]);
    await refused(kuzzle.document.search(...here, { nonsense: 1 }), "services.storage.invalid_search_query", 400);
  },
};
