import assert from "node:assert/strict";
import { eventually, refused } from "../context.mjs";

export default {
  async "texts and numbers"(context) {
    const { ms } = context.kuzzle;
    const [a, b, c, d, e] = ["a", "b", "c", "d", "e"].map((name) => context.named(name));
    await ms.set(a, "one");
    assert.equal(await ms.get(a), "one");
    assert.equal(await ms.get(context.named("nowhere")), null);
    await ms.set(a, "two", { nx: true });
    assert.equal(await ms.get(a), "one");
    assert.equal(await ms.append(a, "!"), 4);
    assert.equal(await ms.strlen(a), 4);
    assert.equal(await ms.getrange(a, 1, 2), "ne");
    assert.equal(await ms.getset(a, "new"), "one!");
    assert.equal(await ms.setnx(a, "x"), false);
    assert.equal(await ms.setnx(b, "x"), true);
    assert.equal(await ms.incr(c), 1);
    assert.equal(await ms.incrby(c, 4), 5);
    assert.equal(await ms.decr(c), 4);
    assert.equal(await ms.decrby(c, 3), 1);
    assert.equal(await ms.incrbyfloat(c, 0.5), 1.5);
    await ms.mset([{ key: d, value: "4" }, { key: e, value: "5" }]);
    assert.deepEqual(await ms.mget([d, context.named("nowhere"), e]), ["4", null, "5"]);
    assert.equal(await ms.msetnx([{ key: d, value: "x" }]), false);
    assert.equal(await ms.exists([a, b, context.named("nowhere")]), 2);
    assert.equal(await ms.touch([a, b]), 2);
    assert.equal(await ms.type(a), "string");
    assert.equal(await ms.del([a, b, c, d, e]), 5);
    assert.equal(await ms.exists([a]), 0);
  },

  async "bits"(context) {
    const { ms } = context.kuzzle;
    const [a, b] = [context.named("bits"), context.named("more-bits")];
    await ms.set(a, "foobar");
    assert.equal(await ms.bitcount(a), 26);
    assert.equal(await ms.bitcount(a, { start: 1, end: 1 }), 6);
    assert.equal(await ms.bitpos(a, 1), 1);
    assert.equal(await ms.getbit(a, 1), 1);
    assert.equal(await ms.bitop(b, "NOT", [a]), 6);
    assert.equal(await ms.bitcount(b), 22);
  },

  async "lifetimes"(context) {
    const { ms } = context.kuzzle;
    const [a, b] = [context.named("brief"), context.named("renamed")];
    await ms.setex(a, "value", 100);
    const left = await ms.ttl(a);
    assert.ok(left > 90 && left <= 100);
    assert.ok((await ms.pttl(a)) > 90_000);
    assert.equal(await ms.persist(a), true);
    assert.equal(await ms.ttl(a), -1);
    assert.equal(await ms.ttl(context.named("nowhere")), -2);
    assert.equal(await ms.expire(a, 50), true);
    assert.equal(await ms.pexpire(a, 50_000), true);
    assert.equal(await ms.expireat(a, Math.floor(Date.now() / 1000) + 50), true);
    assert.equal(await ms.pexpireat(a, Date.now() + 50_000), true);
    await ms.rename(a, b);
    assert.equal(await ms.get(b), "value");
    await ms.set(a, "other");
    assert.equal(await ms.renamenx(a, b), false);
    await ms.psetex(a, "gone soon", 30);
    await eventually(async () => (await ms.get(a)) === null, "the end of a key");
  },

  async "hashes"(context) {
    const { ms } = context.kuzzle;
    const a = context.named("hash");
    assert.equal(await ms.hset(a, "x", "1"), true);
    assert.equal(await ms.hset(a, "x", "2"), false);
    assert.equal(await ms.hsetnx(a, "x", "3"), false);
    await ms.hmset(a, [{ field: "y", value: "10" }, { field: "z", value: "abc" }]);
    assert.deepEqual(await ms.hgetall(a), { x: "2", y: "10", z: "abc" });
    assert.deepEqual(await ms.hmget(a, ["z", "nope"]), ["abc", null]);
    assert.equal(await ms.hget(a, "x"), "2");
    assert.equal(await ms.hexists(a, "nope"), false);
    assert.equal(await ms.hlen(a), 3);
    assert.equal(await ms.hstrlen(a, "z"), 3);
    assert.deepEqual((await ms.hkeys(a)).sort(), ["x", "y", "z"]);
    assert.deepEqual((await ms.hvals(a)).sort(), ["10", "2", "abc"]);
    assert.equal(await ms.hincrby(a, "y", 5), 15);
    assert.equal(await ms.hincrbyfloat(a, "y", 0.5), 15.5);
    const scanned = await ms.hscan(a, 0, { match: "x" });
    assert.deepEqual([String(scanned.cursor), scanned.values], ["0", ["x", "2"]]);
    assert.equal(await ms.hdel(a, ["x", "nope"]), 1);
  },

  async "lists"(context) {
    const { ms } = context.kuzzle;
    const [a, b] = [context.named("list"), context.named("other-list")];
    assert.equal(await ms.rpush(a, ["b", "c"]), 2);
    assert.equal(await ms.lpush(a, ["a"]), 3);
    assert.equal(await ms.lpushx(b, "x"), 0);
    assert.equal(await ms.rpushx(a, "d"), 4);
    assert.deepEqual(await ms.lrange(a, 0, -1), ["a", "b", "c", "d"]);
    assert.equal(await ms.lindex(a, 1), "b");
    assert.equal(await ms.llen(a), 4);
    assert.equal(await ms.linsert(a, "before", "b", "x"), 5);
    await ms.lset(a, 0, "A");
    assert.equal(await ms.lrem(a, 1, "x"), 1);
    assert.equal(await ms.lpop(a), "A");
    assert.equal(await ms.rpop(a), "d");
    assert.equal(await ms.rpoplpush(a, b), "c");
    await ms.rpush(a, ["y", "z"]);
    await ms.ltrim(a, 0, 1);
    assert.deepEqual(await ms.lrange(a, 0, -1), ["b", "y"]);
    assert.deepEqual(await ms.sort(a, { alpha: true, direction: "desc" }), ["y", "b"]);
  },

  async "sets"(context) {
    const { ms } = context.kuzzle;
    const [a, b, c] = [context.named("set"), context.named("other-set"), context.named("made-set")];
    assert.equal(await ms.sadd(a, ["x", "y", "z"]), 3);
    assert.equal(await ms.sadd(b, ["y", "w"]), 2);
    assert.equal(await ms.scard(a), 3);
    assert.deepEqual((await ms.sdiff(a, [b])).sort(), ["x", "z"]);
    assert.deepEqual(await ms.sinter([a, b]), ["y"]);
    assert.deepEqual((await ms.sunion([a, b])).sort(), ["w", "x", "y", "z"]);
    assert.equal(await ms.sdiffstore(a, [b], c), 2);
    assert.equal(await ms.sinterstore(c, [a, b]), 1);
    assert.equal(await ms.sunionstore(c, [a, b]), 4);
    assert.equal(await ms.sismember(a, "x"), true);
    assert.deepEqual((await ms.smembers(a)).sort(), ["x", "y", "z"]);
    assert.equal(await ms.smove(a, b, "x"), true);
    assert.equal((await ms.srandmember(b)).length, 1);
    assert.equal((await ms.spop(b, { count: 2 })).length, 2);
    assert.deepEqual((await ms.sscan(a, 0)).values.sort(), ["y", "z"]);
    assert.equal(await ms.srem(a, ["y", "nope"]), 1);
  },

  async "sorted sets"(context) {
    const { ms } = context.kuzzle;
    const [a, b, c] = [context.named("zset"), context.named("other-zset"), context.named("made-zset")];
    const elements = ["one", "two", "three"].map((member, at) => ({ member, score: at + 1 }));
    assert.equal(await ms.zadd(a, elements), 3);
    assert.equal(await ms.zadd(b, [{ member: "two", score: 10 }]), 1);
    assert.equal(await ms.zcard(a), 3);
    assert.equal(await ms.zcount(a, 1, "(3"), 2);
    assert.equal(await ms.zscore(a, "two"), 2);
    assert.equal(await ms.zrank(a, "three"), 2);
    assert.equal(await ms.zrevrank(a, "three"), 0);
    assert.deepEqual(await ms.zrange(a, 0, -1), elements);
    assert.deepEqual(await ms.zrevrange(a, 0, 0), [elements[2]]);
    assert.deepEqual(await ms.zrangebyscore(a, 2, 3), elements.slice(1));
    assert.deepEqual(await ms.zrevrangebyscore(a, 2, 3), elements.slice(1).reverse());
    assert.equal(Number(await ms.zincrby(a, "one", 0.5)), 1.5);
    assert.equal(await ms.zinterstore(c, [a, b]), 1);
    assert.equal(await ms.zunionstore(c, [a, b], { weights: [1, 2] }), 3);
    assert.equal(await ms.zscore(c, "two"), 22);
    assert.equal((await ms.zscan(a, 0)).values.length, 6);
    assert.equal(await ms.zremrangebyscore(c, 20, 30), 1);
    assert.equal(await ms.zremrangebyrank(c, 0, 0), 1);
    assert.equal(await ms.zrem(a, ["one"]), 1);
    const words = context.named("words");
    await ms.zadd(words, ["a", "b", "c"].map((member) => ({ member, score: 0 })));
    assert.equal(await ms.zlexcount(words, "[a", "[b"), 2);
    assert.deepEqual(await ms.zrangebylex(words, "[a", "(c"), ["a", "b"]);
    assert.deepEqual(await ms.zrevrangebylex(words, "[a", "[b"), ["b", "a"]);
    assert.equal(await ms.zremrangebylex(words, "[a", "[b"), 2);
  },

  async "places and estimates"(context) {
    const { ms } = context.kuzzle;
    const [a, b] = [context.named("geo"), context.named("guess")];
    const points = [
      { lon: 13.361389, lat: 38.115556, name: "Palermo" },
      { lon: 15.087269, lat: 37.502669, name: "Catania" },
    ];
    assert.equal(await ms.geoadd(a, points), 2);
    assert.ok(Math.abs((await ms.geodist(a, "Palermo", "Catania", { unit: "km" })) - 166.27) < 1);
    assert.deepEqual(await ms.geohash(a, ["Palermo"]), ["sqc8b49rny0"]);
    assert.ok(Math.abs((await ms.geopos(a, ["Palermo"]))[0][0] - 13.36) < 0.01);
    const near = await ms.georadius(a, 15, 37, 100, "km", { withdist: true });
    assert.deepEqual(near.map(({ name }) => name), ["Catania"]);
    assert.ok(near[0].distance < 100);
    assert.equal((await ms.georadiusbymember(a, "Palermo", 200, "km")).length, 2);
    assert.equal(await ms.pfadd(b, ["x", "y", "x"]), true);
    assert.equal(await ms.pfcount([b]), 2);
    await ms.pfmerge(context.named("guesses"), [b]);
    assert.equal(await ms.pfcount([context.named("guesses")]), 2);
  },

  async "keys, many commands and the cache itself"(context) {
    const { ms } = context.kuzzle;
    const a = context.named("counted");
    const done = await ms.mexecute([
      { action: "set", args: { _id: a, body: { value: 1 } } },
      { action: "incr", args: { _id: a } },
    ]);
    assert.deepEqual(done.map((pair) => pair[1]), ["OK", 2]);
    assert.deepEqual(await ms.keys(`${a}*`), [a]);
    const found = [];
    let cursor = 0;
    do {
      const page = await ms.scan(cursor, { match: `${a}*`, count: 100 });
      found.push(...page.values);
      cursor = Number(page.cursor);
    } while (cursor !== 0);
    assert.deepEqual(found, [a]);
    assert.ok((await ms.dbsize()) > 0);
    assert.equal(typeof (await ms.randomkey()), "string");
    assert.equal(typeof (await ms.object(a, "encoding")), "string");
    assert.equal(await ms.ping(), "PONG");
    assert.ok(Math.abs((await ms.time())[0] * 1000 - Date.now()) < 60_000);
    await assert.rejects(context.kuzzle.ms.lpush(a, ["x"]));
    await refused(ms.query({ controller: "ms", action: "set", _id: a, body: {} }), "api.assert.missing_argument", 400);
  },
};
