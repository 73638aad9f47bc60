import assert from "node:assert/strict";
import { eventually, next, refused } from "../context.mjs";

let live; // the collection that these checks watch
let count = 0;

// Subscribe with a filter; what is heard.
const hear = async (kuzzle, filter, options = {}, [index, collection] = live) => {
  const heard = [];
  const room = await kuzzle.realtime.subscribe(index, collection, filter, (said) => heard.push(said), options);
  return { heard, room };
};
const told = ({ heard }) => heard.map(({ action, scope, result }) => `${action} ${scope} ${result._id}`);

// A subscription with `filter` hears of the document that `matches`, and not of the one before, which does `not`.
const operator = async ({ kuzzle }, filter, matches, not) => {
  count += 1;
  const own = [live[0], `operator-${count}`];
  const filtered = await hear(kuzzle, filter, {}, own);
  const unfiltered = await hear(kuzzle, {}, {}, own);
  for (const [_id, body] of [["no", not], ["yes", matches]]) {
    await kuzzle.realtime.publish(...own, body, { _id });
  }
  await eventually(() => unfiltered.heard.length === 2, "both messages");
  await eventually(() => filtered.heard.length > 0, "the message that matches");
  assert.deepEqual(told(filtered), ["publish in yes"]);
  await kuzzle.realtime.unsubscribe(filtered.room);
  await kuzzle.realtime.unsubscribe(unfiltered.room);
};
const PARIS = { lat: 48.8566, lon: 2.3522 };
const BREST = { lat: 48.3904, lon: -4.4861 };

export default {
  async "a subscription is made, heard and ended"({ kuzzle, index }) {
    live = [index, "live"];
    await kuzzle.collection.create(...live, {});
    const everything = await hear(kuzzle, {});
    assert.match(everything.room, /^[0-9a-f]{64}$/);
    assert.equal(await kuzzle.realtime.count(everything.room), 1);
    const { _id } = await kuzzle.document.create(...live, { name: "x" }, "first");
    await eventually(() => everything.heard.length === 1, "the document");
    const [said] = everything.heard;
    assert.deepEqual(
      [said.type, said.status, said.action, said.event, said.scope, said.index, said.collection, said.controller],
      ["document", 200, "create", "write", "in", ...live, "document"],
    );
    assert.deepEqual([said.result._id, said.result._source.name], [_id, "x"]);
    assert.equal(said.volatile.sdkInstanceId, kuzzle.protocol.id);
    assert.match(said.room, /^[0-9a-f]{64}-311$/);
    assert.equal(typeof said.timestamp, "number");
    await kuzzle.realtime.unsubscribe(everything.room);
    assert.equal(await kuzzle.realtime.count(everything.room), 0);
    await refused(kuzzle.realtime.unsubscribe(everything.room), "core.realtime.not_subscribed", 412);
  },

  async "every kind of write is told"({ kuzzle }) {
    const { heard, room } = await hear(kuzzle, {});
    const { document } = kuzzle;
    await document.create(...live, { name: "a" }, "w");
    await document.update(...live, "w", { height: 1 });
    await document.replace(...live, "w", { name: "b" });
    await document.createOrReplace(...live, "w", { name: "c" });
    await document.createOrReplace(...live, "v", { name: "c" });
    await document.upsert(...live, "u", { name: "d" });
    await document.upsert(...live, "u", { name: "e" });
    await document.deleteFields(...live, "u", ["name"]);
    await document.mCreate(...live, [{ _id: "m", body: {} }]);
    await document.mUpdate(...live, [{ _id: "m", body: { name: "f" } }]);
    await document.mReplace(...live, [{ _id: "m", body: {} }]);
    await document.mCreateOrReplace(...live, [{ _id: "m", body: {} }]);
    await document.delete(...live, "w");
    await document.mDelete(...live, ["v", "u"]);
    await eventually(() => heard.length >= 15, "all writes");
    assert.deepEqual(told({ heard }).slice(0, 13), [
      "create in w", "update in w", "replace in w", "replace in w", "create in v", "create in u", "update in u",
      "update in u", "create in m", "update in m", "replace in m", "replace in m", "delete out w",
    ]);
    assert.deepEqual(told({ heard }).slice(13).sort(), ["delete out u", "delete out v"]);
    assert.deepEqual(heard[1].result._updatedFields, ["height"]);
    assert.equal(heard[1].result._source.name, "a");
    await kuzzle.realtime.unsubscribe(room);
  },

  async "silent writes are not told, nor those without notify"({ kuzzle }) {
    const { heard, room } = await hear(kuzzle, {});
    await kuzzle.document.create(...live, {}, "silent", { silent: true });
    await kuzzle.bulk.write(...live, {}, "written");
    await kuzzle.bulk.write(...live, {}, "noted", { notify: true });
    await eventually(() => heard.length > 0, "the write that is told");
    assert.deepEqual(heard.map(({ result }) => result._id), ["noted"]);
    await kuzzle.realtime.unsubscribe(room);
  },

  async "a document that leaves the filter is told"({ kuzzle }) {
    const { heard, room } = await hear(kuzzle, { equals: { name: "in" } });
    await kuzzle.document.create(...live, { name: "in" }, "leaving");
    await kuzzle.document.update(...live, "leaving", { name: "out" });
    await kuzzle.document.update(...live, "leaving", { name: "still out" });
    await kuzzle.document.update(...live, "leaving", { name: "in" });
    await eventually(() => heard.length === 3, "three changes");
    assert.deepEqual(told({ heard }), ["create in leaving", "update out leaving", "update in leaving"]);
    await kuzzle.realtime.unsubscribe(room);
  },

  async "scopes choose"({ kuzzle }) {
    const [into, out, none] = await Promise.all(
      ["in", "out", "none"].map((scope) => hear(kuzzle, { equals: { name: "scoped" } }, { scope })),
    );
    await kuzzle.document.create(...live, { name: "scoped" }, "scoped");
    await kuzzle.document.delete(...live, "scoped");
    await eventually(() => into.heard.length > 0 && out.heard.length > 0, "in and out");
    assert.deepEqual([told(into), told(out), told(none)], [["create in scoped"], ["delete out scoped"], []]);
    assert.equal(into.room, out.room);
    await kuzzle.realtime.unsubscribe(into.room);
    await refused(kuzzle.realtime.subscribe(...live, {}, () => {}, { scope: "some" }), "core.realtime.invalid_scope", 400);
    await refused(kuzzle.realtime.subscribe(...live, {}, () => {}, { users: "some" }), "core.realtime.invalid_users", 400);
  },

  async "others come and go"(context) {
    const [first, other] = [await context.connect(), await context.connect()];
    const filter = { equals: { name: "presence" } };
    const { heard, room } = await hear(first, filter, { users: "all" });
    const joined = await hear(other, filter, { users: "all", volatile: { nickname: "bob" } });
    assert.equal(joined.room, room);
    await eventually(() => heard.some(({ user, result }) => user === "in" && result.count === 2), "the arrival");
    assert.equal(await first.realtime.count(room), 2);
    other.disconnect();
    const left = await eventually(() => heard.find(({ user }) => user === "out"), "the departure");
    assert.deepEqual([left.type, left.result.count, left.volatile.nickname], ["user", 1, "bob"]);
    first.disconnect();
  },

  async "rooms are joined and listed"(context) {
    const { kuzzle } = context;
    const { room } = await hear(kuzzle, { equals: { name: "listed" } });
    const other = await context.connect();
    const query = { controller: "realtime", action: "join", body: { roomId: room } };
    const { result } = await other.query(query);
    assert.equal(result.roomId, room);
    const heard = next(other.protocol, result.channel);
    await kuzzle.realtime.publish(...live, { name: "listed" });
    assert.equal((await heard).result._source.name, "listed");
    const list = (await kuzzle.query({ controller: "realtime", action: "list" })).result;
    assert.equal(list[live[0]][live[1]][room], 2);
    await hear(kuzzle, {}, {}, [context.index, "unstored"]);
    const listed = await kuzzle.collection.list(context.index, { size: 100 });
    assert.deepEqual(listed.collections.filter(({ name }) => name === "unstored"), [{ name: "unstored", type: "realtime" }]);
    await refused(
      kuzzle.query({ controller: "realtime", action: "join", body: { roomId: "f".repeat(64) } }),
      "core.realtime.room_not_found",
      404,
    );
  },

  async "what one writes oneself may be left out"(context) {
    const other = await context.connect();
    const { heard, room } = await hear(context.kuzzle, { equals: { name: "self" } }, { subscribeToSelf: false });
    await context.kuzzle.realtime.publish(...live, { name: "self" }, { _id: "mine" });
    await other.realtime.publish(...live, { name: "self" }, { _id: "theirs" });
    await eventually(() => heard.length > 0, "theirs");
    assert.deepEqual(heard.map(({ result }) => result._id), ["theirs"]);
    await context.kuzzle.realtime.unsubscribe(room);
  },

  async "one filter is one room, however it is written"({ kuzzle }) {
    const [a, b] = [{ equals: { a: 1 } }, { equals: { b: 2 } }];
    const one = await hear(kuzzle, { and: [a, b] });
    const other = await hear(kuzzle, { not: { or: [{ not: a }, { not: b }] } });
    const third = await hear(kuzzle, { or: [a, b] });
    assert.equal(one.room, other.room);
    assert.notEqual(one.room, third.room);
    await kuzzle.realtime.unsubscribe(one.room);
    await kuzzle.realtime.unsubscribe(third.room);
  },

  async "what is no filter is refused"({ kuzzle }) {
    for (const filter of [
      { nonsense: {} },
      { equals: {} },
      { equals: { a: 1 }, exists: "b" },
      { and: [] },
      { range: { a: { gt: 3, lt: 1 } } },
      { regexp: { a: "(" } },
      { geoDistance: { place: PARIS, distance: "far" } },
    ]) {
      await refused(kuzzle.realtime.subscribe(...live, filter, () => {}), "api.assert.koncorde_dsl_error", 400);
    }
  },

  async "equals"(context) {
    await operator(context, { equals: { "a.b": 1 } }, { a: { b: 1 } }, { a: { b: "1" } });
  },

  async "in"(context) {
    await operator(context, { in: { name: ["x", "y"] } }, { name: "y" }, { name: "z" });
  },

  async "ids"(context) {
    await operator(context, { ids: { values: ["yes", "maybe"] } }, {}, {});
  },

  async "exists"(context) {
    await operator(context, { exists: "a.b" }, { a: { b: null } }, { a: {} });
  },

  async "exists, of a value in a list"(context) {
    await operator(context, { exists: 'tags["x"]' }, { tags: [1, "x"] }, { tags: ["y"] });
  },

  async "missing"(context) {
    await operator(context, { missing: "a" }, { b: 1 }, { a: null });
  },

  async "range"(context) {
    await operator(context, { range: { height: { gt: 1, lte: 3 } } }, { height: 3 }, { height: 1 });
  },

  async "regexp"(context) {
    await operator(context, { regexp: { name: { value: "^wea.*r$", flags: "i" } } }, { name: "WEATHER" }, { name: "rain" });
  },

  async "match"(context) {
    await operator(context, { match: { a: { b: [1] } } }, { a: { b: [2, 1], c: 3 } }, { a: { b: [2] } });
  },

  async "select"(context) {
    const filter = { select: { field: "steps", index: -1, query: { equals: { "value.name": "end" } } } };
    await operator(context, filter, { steps: [{}, { name: "end" }] }, { steps: [{ name: "end" }, {}] });
  },

  async "nothing"(context) {
    await operator(context, { or: [{ nothing: true }, { equals: { a: 1 } }] }, { a: 1 }, { a: 2 });
  },

  async "geoBoundingBox"(context) {
    const box = { top: 49, left: -5, bottom: 48, right: -4 };
    await operator(context, { geoBoundingBox: { place: box } }, { place: BREST }, { place: PARIS });
  },

  async "geoDistance"(context) {
    await operator(context, { geoDistance: { place: PARIS, distance: "10 km" } }, { place: PARIS }, { place: BREST });
  },

  async "geoDistanceRange"(context) {
    const ring = { place: PARIS, from: "100km", to: "1000km" };
    await operator(context, { geoDistanceRange: ring }, { place: BREST }, { place: PARIS });
  },

  async "geoPolygon"(context) {
    const points = [[49, -5], [49, -4], [48, -4], [48, -5]];
    await operator(context, { geoPolygon: { place: { points } } }, { place: BREST }, { place: PARIS });
  },

  async "and"(context) {
    await operator(context, { and: [{ equals: { a: 1 } }, { equals: { b: 2 } }] }, { a: 1, b: 2 }, { a: 1 });
  },

  async "or"(context) {
    await operator(context, { or: [{ equals: { a: 1 } }, { equals: { b: 2 } }] }, { b: 2 }, { a: 2 });
  },

  async "not"(context) {
    await operator(context, { not: { equals: { a: 1 } } }, { b: 1 }, { a: 1 });
  },

  async "bool"(context) {
    const filter = {
      bool: {
        must: [{ equals: { a: 1 } }],
        must_not: [{ equals: { b: 1 } }],
        should: [{ equals: { c: 1 } }, { equals: { d: 1 } }],
        should_not: [{ equals: { e: 1 } }, { equals: { f: 1 } }],
      },
    };
    await operator(context, filter, { a: 1, d: 1, e: 1 }, { a: 1, d: 1, e: 1, f: 1 });
  },

  async "an ended token ends its subscriptions"(context) {
    const { kuzzle } = await context.loggedIn("hearer", { expiresIn: 5000 });
    const { room } = await hear(kuzzle, { equals: { name: "expiring" } });
    assert.equal(await context.kuzzle.realtime.count(room), 1);
    await next(kuzzle, "tokenExpired"); // nothing is asked meanwhile: the server says so
    assert.equal(kuzzle.jwt, null);
    assert.equal(await context.kuzzle.realtime.count(room), 0);
  },
};
