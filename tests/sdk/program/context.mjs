// What every check is given: a connected SDK, a place to store things, and ways to wait.

import assert from "node:assert/strict";
import sdk from "kuzzle-sdk";

export const { BatchController, Kuzzle, Observer } = sdk;

const MAPPINGS = {
  dynamic: "false",
  properties: {
    group: { type: "keyword" },
    name: { type: "keyword" },
    text: { type: "text" },
    height: { type: "integer" },
    place: { type: "geo_point" },
    tags: { type: "keyword" },
    nested: { properties: { deep: { type: "keyword" } } },
  },
};

export class Context {
  // `kuzzle` is the connected SDK of the module; `here` is the collection that all modules of a run share, where each
  // keeps to documents whose `group` is its own.
  constructor({ protocol, port, name, module }) {
    Object.assign(this, { protocol, port, module, index: name, group: module });
    this.here = [name, "stations"];
    this.mappings = MAPPINGS;
    this.opened = [];
  }

  get isHttp() {
    return this.protocol === "http";
  }

  async open() {
    this.kuzzle = await this.connect();
  }

  // Another SDK, connected; `port` may be that of something in between.
  async connect({ port = this.port, ...options } = {}) {
    const Protocol = this.isHttp ? sdk.Http : sdk.WebSocket;
    const protocol = new Protocol("127.0.0.1", { port, reconnectionDelay: 100 });
    const kuzzle = new sdk.Kuzzle(protocol, { autoQueue: false, ...options });
    this.opened.push(kuzzle);
    await kuzzle.connect();
    return kuzzle;
  }

  async prepare() {
    await this.kuzzle.index.create(this.index);
    await this.kuzzle.collection.create(...this.here, { mappings: MAPPINGS });
  }

  close() {
    for (const kuzzle of this.opened) kuzzle.disconnect();
  }

  // A name for this run and module alone, such as that of a user.
  named(name) {
    return `${this.index}-${this.module}-${name}`;
  }

  // A new user who may do everything, with a password: `{username, password}`.
  async user(name, content = {}) {
    const credentials = { username: this.named(name), password: "correct horse" };
    const body = { content: { profileIds: ["default"], ...content }, credentials: { local: credentials } };
    await this.kuzzle.security.createUser(credentials.username, body);
    return credentials;
  }

  // A connected SDK that is logged in as a new user.
  async loggedIn(name, { expiresIn, ...options } = {}) {
    const credentials = await this.user(name);
    const kuzzle = await this.connect(options);
    await kuzzle.auth.login("local", credentials, expiresIn);
    return { kuzzle, credentials };
  }
}

// The error that a call is refused with, which has to have this id.
export const refused = async (promise, id, status) => {
  try {
    await promise;
  } catch (error) {
    assert.equal(error.id, id, error.stack);
    if (status !== undefined) assert.equal(error.status, status);
    return error;
  }
  assert.fail(`not refused with ${id}`);
};

// Wait until something holds; what it then gives.
export const eventually = async (condition, what) => {
  for (const deadline = Date.now() + 15_000; Date.now() < deadline; ) {
    const found = await condition();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.fail(`waited in vain for ${what}`);
};

// The next event of an SDK or a protocol.
export const next = (emitter, event) => new Promise((resolve) => emitter.once(event, resolve));

export const ids = (documents) => documents.map((document) => document._id);
