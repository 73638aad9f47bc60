import assert from "node:assert/strict";

export default {
  async "a message is published, stored nowhere"({ kuzzle, index }) {
    assert.equal(await kuzzle.realtime.publish(index, "not-there", { name: "x" }), true);
    assert.equal(await kuzzle.collection.exists(index, "not-there"), false);
  },
};
