import assert from "node:assert/strict";
import { eventually, refused } from "../context.mjs";

const MAPPINGS = { dynamic: "strict", properties: { name: { type: "keyword" }, height: { type: "integer" } } };
const SPECIFICATION = {
  strict: true,
  fields: {
    name: { type: "string", mandatory: true },
    height: { type: "integer", mandatory: false, typeOptions: { range: { min: 0, max: 100 } } },
  },
};
const SCRATCH = "scratch";

export default {
  async "a collection is made, found and listed"({ kuzzle, index }) {
    assert.equal(await kuzzle.collection.exists(index, SCRATCH), false);
    await kuzzle.collection.create(index, SCRATCH, { mappings: MAPPINGS });
    assert.equal(await kuzzle.collection.exists(index, SCRATCH), true);
    const listed = await kuzzle.collection.list(index);
    assert.ok(listed.collections.some(({ name, type }) => name === SCRATCH && type === "stored"));
    const page = await kuzzle.collection.list(index, { from: 0, size: 1 });
    assert.equal(page.collections.length, 1);
  },

  async "mappings are read and added to"({ kuzzle, index }) {
    assert.deepEqual(await kuzzle.collection.getMapping(index, SCRATCH), MAPPINGS);
    const whole = await kuzzle.collection.getMapping(index, SCRATCH, { includeKuzzleMeta: true });
    assert.equal(whole.properties._kuzzle_info.properties.author.type, "keyword");
    const added = { properties: { colour: { type: "keyword" } } };
    assert.equal((await kuzzle.collection.updateMapping(index, SCRATCH, added)).properties.colour.type, "keyword");
    await kuzzle.collection.update(index, SCRATCH, { mappings: { properties: { age: { type: "long" } } } });
    const now = await kuzzle.collection.getMapping(index, SCRATCH);
    assert.deepEqual(Object.keys(now.properties).sort(), ["age", "colour", "height", "name"]);
    assert.equal(now.dynamic, "strict");
  },

  async "a type cannot be changed"({ kuzzle, index }) {
    const change = { properties: { name: { type: "integer" } } };
    await assert.rejects(kuzzle.collection.updateMapping(index, SCRATCH, change), { status: 400 });
  },

  async "a strict mapping refuses unknown fields"({ kuzzle, index }) {
    await refused(kuzzle.document.create(index, SCRATCH, { nope: 1 }), "services.storage.strict_mapping_rejection", 400);
  },

  async "specifications are checked before they are taken"({ kuzzle, index }) {
    assert.equal((await kuzzle.collection.validateSpecifications(index, SCRATCH, SPECIFICATION)).valid, true);
    const wrong = { strict: true, fields: { name: { type: "nonsense" } } };
    const verdict = await kuzzle.collection.validateSpecifications(index, SCRATCH, wrong);
    assert.equal(verdict.valid, false);
    assert.ok(verdict.details.length > 0);
    await refused(
      kuzzle.collection.updateSpecifications(index, SCRATCH, wrong),
      "validation.assert.invalid_specifications",
      400,
    );
  },

  async "specifications are kept, found and hold for documents"({ kuzzle, index }) {
    await refused(kuzzle.collection.getSpecifications(index, SCRATCH), "validation.assert.not_found", 404);
    await kuzzle.collection.updateSpecifications(index, SCRATCH, SPECIFICATION);
    const kept = await kuzzle.collection.getSpecifications(index, SCRATCH);
    assert.equal(kept.validation.fields.name.mandatory, true);
    await refused(kuzzle.document.create(index, SCRATCH, { height: 3 }), "validation.check.failed_field", 400);
    assert.equal((await kuzzle.document.validate(index, SCRATCH, { name: "x", height: 101 })).valid, false);
    assert.equal((await kuzzle.document.validate(index, SCRATCH, { name: "x", height: 10 })).valid, true);
    await kuzzle.document.create(index, SCRATCH, { name: "x" });
  },

  async "specifications are searched, page by page"({ kuzzle, index }) {
    await kuzzle.collection.updateSpecifications(index, "stations", { strict: false, fields: {} });
    const query = { query: { term: { index } } };
    const search = () => kuzzle.collection.searchSpecifications(query, { size: 1, scroll: "10s" });
    let page = await eventually(() => search().then((first) => first.total === 2 && first), "both specifications");
    const found = [];
    for (; page; page = await page.next()) found.push(...page.hits.map((hit) => hit._source.collection));
    assert.deepEqual(found.sort(), [SCRATCH, "stations"]);
    for (const collection of found) await kuzzle.collection.deleteSpecifications(index, collection);
    await kuzzle.document.create(index, SCRATCH, { height: 300 });
  },

  async "a collection is emptied and deleted"({ kuzzle, index }) {
    await kuzzle.collection.refresh(index, SCRATCH);
    assert.equal(await kuzzle.document.count(index, SCRATCH), 2);
    await kuzzle.collection.truncate(index, SCRATCH);
    assert.equal(await kuzzle.document.count(index, SCRATCH), 0);
    await kuzzle.collection.delete(index, SCRATCH);
    assert.equal(await kuzzle.collection.exists(index, SCRATCH), false);
    await refused(kuzzle.document.create(index, SCRATCH, {}), "services.storage.unknown_collection", 412);
  },
};
