import assert from "node:assert/strict";
import { eventually, ids, next, refused } from "../context.mjs";

let ada; // an SDK that is logged in
let credentials;

// Who an SDK acts for, or the id of the error that tells that its token has ended. Over WebSocket the server says so
// by itself, and the SDK may have dropped the token already.
const whoIs = (kuzzle) => kuzzle.auth.getCurrentUser().then(({ _id }) => _id, ({ id }) => id);

export default {
  async "strategies are told"({ kuzzle }) {
    assert.ok((await kuzzle.auth.getStrategies()).includes("local"));
  },

  async "a user logs in and is known"(context) {
    ({ kuzzle: ada, credentials } = await context.loggedIn("ada", { expiresIn: "1h" }));
    assert.match(ada.jwt, /^kauth-/);
    const user = await ada.auth.getCurrentUser();
    assert.deepEqual([user._id, user.profileIds], [credentials.username, ["default"]]);
    const token = await ada.auth.checkToken();
    assert.deepEqual([token.valid, token.kuid], [true, credentials.username]);
    assert.ok(token.expiresAt > Date.now() + 3_500_000);
    assert.equal(await ada.isAuthenticated(), true);
    assert.equal(await context.kuzzle.isAuthenticated(), false);
  },

  async "a wrong password and an unknown user are refused alike"(context) {
    // each on a connection of its own: one connection may try once a second
    const login = async (strategy, username) => {
      const kuzzle = await context.connect();
      return kuzzle.auth.login(strategy, { username, password: "wrong" });
    };
    const error = await refused(login("local", credentials.username), "plugin.strategy.missing_user", 401);
    const other = await refused(login("local", "nobody"), "plugin.strategy.missing_user", 401);
    assert.equal(error.message.replace(credentials.username, ""), other.message.replace("nobody", ""));
    await refused(login("magic", "nobody"), "security.credentials.unknown_strategy", 400);
  },

  async "rights are told"({ kuzzle, here: [index, collection] }) {
    const rights = await ada.auth.getMyRights();
    assert.ok(rights.some(({ controller, action, value }) => controller === "*" && action === "*" && value === "allowed"));
    const payload = { controller: "document", action: "get", index, collection, _id: "x" };
    assert.equal(await ada.auth.checkRights(payload), true);
    assert.equal(await kuzzle.auth.checkRights(payload), true);
  },

  async "users change themselves"() {
    const changed = await ada.auth.updateSelf({ phone: "123" });
    assert.equal(changed._source.phone, "123");
    await refused(ada.auth.updateSelf({ profileIds: ["admin"] }), "api.assert.forbidden_argument", 400);
  },

  async "users look after their credentials"() {
    assert.equal(await ada.auth.credentialsExist("local"), true);
    assert.equal((await ada.auth.getMyCredentials("local")).username, credentials.username);
    const better = { ...credentials, password: "better horse" };
    assert.equal(await ada.auth.validateMyCredentials("local", better), true);
    await ada.auth.updateMyCredentials("local", better);
    credentials = better;
    assert.equal(await ada.auth.deleteMyCredentials("local"), true);
    assert.equal(await ada.auth.credentialsExist("local"), false);
    await ada.auth.createMyCredentials("local", credentials);
    assert.equal(await ada.auth.credentialsExist("local"), true);
  },

  async "API keys are made, found, used and deleted"(context) {
    const made = await ada.auth.createApiKey("for tests", { expiresIn: "1h", refresh: "wait_for" });
    assert.match(made._source.token, /^kapikey-/);
    const found = await ada.auth.searchApiKeys({ match: { description: "tests" } });
    assert.deepEqual(ids(found.hits), [made._id]);
    assert.equal(found.hits[0]._source.token, undefined);
    const other = await context.connect();
    other.setAPIKey(made._source.token);
    assert.equal((await other.auth.getCurrentUser())._id, credentials.username);
    await ada.auth.deleteApiKey(made._id);
    assert.notEqual(await whoIs(other), credentials.username);
    await refused(ada.auth.deleteApiKey("nowhere"), "services.storage.not_found", 404);
  },

  async "tokens are refreshed"() {
    const before = ada.jwt;
    const fresh = await ada.auth.refreshToken({ expiresIn: "2h" });
    assert.equal(fresh._id, credentials.username);
    assert.notEqual(ada.jwt, before);
    assert.equal(ada.jwt, fresh.jwt);
    assert.equal((await ada.auth.getCurrentUser())._id, credentials.username);
  },

  async "a token of single use is used once"({ kuzzle }) {
    const { result } = await ada.query({ controller: "auth", action: "createToken", singleUse: true, expiresIn: "1m" });
    assert.equal(result.singleUse, true);
    assert.equal((await kuzzle.auth.checkToken(result.token)).valid, true);
    assert.equal((await kuzzle.auth.checkToken(result.token)).valid, false);
  },

  async "an ended token is told once"(context) {
    const { kuzzle } = await context.loggedIn("short", { expiresIn: "1h" });
    const ended = next(kuzzle, "tokenExpired");
    const id = context.named("short");
    await context.kuzzle.query({ controller: "security", action: "revokeTokens", _id: id });
    assert.notEqual(await whoIs(kuzzle), id);
    await ended;
    assert.equal(kuzzle.jwt, null);
    assert.equal((await kuzzle.auth.getCurrentUser())._id, "-1");
  },

  async "an authenticator logs in again"(context) {
    const { kuzzle, credentials: again } = await context.loggedIn("again", { expiresIn: 1100 });
    kuzzle.authenticator = () => kuzzle.auth.login("local", again, "1h");
    const back = next(kuzzle, "reAuthenticated");
    const token = kuzzle.jwt;
    const hasEnded = async () => kuzzle.jwt !== token || (await whoIs(kuzzle)) !== again.username;
    await eventually(hasEnded, "the end of the token");
    await back;
    assert.equal((await kuzzle.auth.getCurrentUser())._id, again.username);
  },

  async "a user logs out"({ kuzzle }) {
    const token = ada.jwt;
    await ada.auth.logout();
    assert.equal(ada.jwt, null);
    assert.equal((await ada.auth.getCurrentUser())._id, "-1");
    assert.equal((await kuzzle.auth.checkToken(token)).valid, false);
  },

  async "what is of users is refused to strangers"({ kuzzle }) {
    for (const call of [
      () => kuzzle.auth.logout(),
      () => kuzzle.auth.refreshToken(),
      () => kuzzle.auth.updateSelf({}),
      () => kuzzle.auth.getMyCredentials("local"),
      () => kuzzle.auth.createApiKey("x"),
    ]) {
      await refused(call(), "security.rights.unauthorized", 401);
    }
  },
};
