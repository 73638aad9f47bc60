import assert from "node:assert/strict";
import { ids, refused } from "../context.mjs";

const READING = { controllers: { document: { actions: { get: true, search: true } } } };
const all = async (page) => {
  const found = [];
  for (; page; page = await page.next()) found.push(...ids(page.hits));
  return found.sort();
};

export default {
  async "roles are made, read and changed"(context) {
    const { security } = context.kuzzle;
    const [reader, other] = [context.named("reader"), context.named("other")];
    assert.equal((await security.createRole(reader, READING))._id, reader);
    await assert.rejects(security.createRole(reader, READING), { status: 400 });
    assert.deepEqual((await security.getRole(reader)).controllers, READING.controllers);
    const changed = { controllers: { document: { actions: { get: true } } } };
    assert.deepEqual((await security.updateRole(reader, changed)).controllers, changed.controllers);
    await security.createOrReplaceRole(reader, READING, { refresh: "wait_for" });
    await security.createOrReplaceRole(other, READING, { refresh: "wait_for" });
    assert.deepEqual(ids(await security.mGetRoles([reader, other])), [reader, other]);
    await refused(security.getRole("nowhere"), "security.role.not_found", 404);
    const unknown = { controllers: { document: { actions: { nonsense: true } } } };
    await refused(security.createRole(context.named("wrong"), unknown), "security.role.unknown_action", 400);
    assert.ok(ids((await security.searchRoles({ controllers: ["document"] }, { size: 100 })).hits).includes(reader));
  },

  async "profiles are made, read and changed"(context) {
    const { security } = context.kuzzle;
    const readers = context.named("readers");
    const policies = [{ roleId: context.named("reader"), restrictedTo: [{ index: context.index }] }];
    assert.equal((await security.createProfile(readers, { policies }))._id, readers);
    await security.createOrReplaceProfile(context.named("spare"), { policies }, { refresh: "wait_for" });
    assert.equal((await security.updateProfile(readers, { rateLimit: 50 }, { refresh: "wait_for" })).rateLimit, 50);
    const profile = await security.getProfile(readers);
    assert.deepEqual([profile.policies, profile.rateLimit], [policies, 50]);
    assert.deepEqual(ids(await profile.getRoles()), [context.named("reader")]);
    assert.deepEqual(ids(await security.mGetProfiles([readers])), [readers]);
    const rights = await security.getProfileRights(readers);
    assert.ok(rights.some(({ controller, index }) => controller === "document" && index === context.index));
    const found = await security.searchProfiles({ roles: [context.named("reader")] }, { size: 1, scroll: "10s" });
    assert.deepEqual(await all(found), [readers, context.named("spare")].sort());
    await refused(
      security.createProfile(context.named("wrong"), { policies: [{ roleId: "nowhere" }] }),
      "security.role.not_found",
      404,
    );
  },

  async "users are made, read and changed"(context) {
    const { security } = context.kuzzle;
    const [ada, bob, eve] = ["ada", "bob", "eve"].map((name) => context.named(name));
    const group = context.named("staff");
    const credentials = { local: { username: ada, password: "correct horse" } };
    const profileIds = [context.named("readers")];
    const made = await security.createUser(ada, { content: { profileIds, group }, credentials });
    assert.deepEqual([made._id, made.profileIds], [ada, profileIds]);
    await refused(
      security.createUser(ada, { content: { profileIds }, credentials }),
      "security.user.already_exists",
      412,
    );
    assert.deepEqual(ids(await made.getProfiles()), profileIds);
    await security.createRestrictedUser({ content: { group }, credentials: {} }, bob, { refresh: "wait_for" });
    assert.deepEqual((await security.getUser(bob)).profileIds, ["default"]);
    assert.equal((await security.updateUser(bob, { name: "Bob" }))._source.group, group);
    const replaced = await security.replaceUser(bob, { profileIds: ["default"], group });
    assert.equal(replaced._source.name, undefined);
    await security.createUser(eve, { content: { profileIds, group } }, { refresh: "wait_for" });
    assert.deepEqual(ids(await security.mGetUsers([ada, "nowhere", eve])), [ada, eve]);
    await refused(security.getUser("nowhere"), "security.user.not_found", 404);
    const generated = await security.createUser(null, { content: { profileIds } });
    assert.match(generated._id, /^kuid-/);
    await security.deleteUser(generated._id);
    assert.ok((await security.getUserRights(ada)).some(({ controller }) => controller === "document"));
    assert.deepEqual(await security.getUserStrategies(ada), ["local"]);
  },

  async "mappings of users, profiles and roles are read and added to"(context) {
    const { security } = context.kuzzle;
    const added = { properties: { group: { type: "keyword" } } };
    await security.updateUserMapping(added);
    await security.updateProfileMapping(added);
    await security.updateRoleMapping(added);
    assert.equal((await security.getUserMapping()).mapping.group.type, "keyword");
    assert.equal((await security.getProfileMapping()).mapping.group.type, "keyword");
    assert.equal((await security.getRoleMapping()).mapping.group.type, "keyword");
  },

  async "users are found, page by page"(context) {
    const { security } = context.kuzzle;
    await security.updateUser(context.named("ada"), { seen: true }, { refresh: "wait_for" });
    const mine = ["ada", "bob", "eve"].map((name) => context.named(name));
    const query = { ids: { values: mine } };
    assert.deepEqual(await all(await security.searchUsers({ query }, { size: 2, scroll: "10s" })), mine);
    // pages by number have no fixed order on Elasticsearch while others write
    assert.equal((await all(await security.searchUsers({ query }, { size: 2 }))).length, 3);
    const koncorde = { query: { ids: { values: mine } } };
    assert.deepEqual(await all(await security.searchUsers(koncorde, { size: 5, lang: "koncorde" })), mine);
    for (const collection of ["users", "profiles", "roles"]) await security.refresh(collection);
  },

  async "rights are checked for others"(context) {
    const { security } = context.kuzzle;
    const ada = context.named("ada");
    const payload = { controller: "document", action: "get", index: context.index, collection: "stations", _id: "x" };
    assert.equal(await security.checkRights(ada, payload), true);
    assert.equal(await security.checkRights(ada, { ...payload, index: "elsewhere" }), false);
    assert.equal(await security.checkRights(ada, { ...payload, action: "delete" }), false);
  },

  async "a restricted user is held to it"(context) {
    const kuzzle = await context.connect();
    await kuzzle.auth.login("local", { username: context.named("ada"), password: "correct horse" });
    await refused(kuzzle.document.get("elsewhere", "stations", "x"), "security.rights.forbidden", 403);
    await refused(kuzzle.document.create(...context.here, {}), "security.rights.forbidden", 403);
    await refused(kuzzle.document.get(...context.here, "nowhere"), "services.storage.not_found", 404);
  },

  async "credentials of others are looked after"(context) {
    const { security } = context.kuzzle;
    const bob = context.named("bob");
    const credentials = { username: bob, password: "correct horse" };
    assert.deepEqual(await security.getCredentialFields("local"), ["username", "password"]);
    assert.deepEqual((await security.getAllCredentialFields()).local, ["username", "password"]);
    assert.equal(await security.hasCredentials("local", bob), false);
    assert.equal(await security.validateCredentials("local", bob, credentials), true);
    await security.createCredentials("local", bob, credentials);
    assert.equal(await security.hasCredentials("local", bob), true);
    await security.updateCredentials("local", bob, { password: "better horse" });
    assert.equal((await security.getCredentials("local", bob)).username, bob);
    assert.equal((await security.getCredentialsById("local", bob)).kuid, bob);
    assert.equal((await security.deleteCredentials("local", bob)).acknowledged, true);
    assert.equal(await security.hasCredentials("local", bob), false);
  },

  async "API keys of others are made, found and deleted"(context) {
    const { security } = context.kuzzle;
    const ada = context.named("ada");
    const options = { _id: context.named("key"), expiresIn: "1h", refresh: "wait_for" };
    const made = await security.createApiKey(ada, "for tests", options);
    assert.deepEqual([made._id, made._source.userId], [options._id, ada]);
    assert.match(made._source.token, /^kapikey-/);
    assert.deepEqual(ids((await security.searchApiKeys(ada)).hits), [made._id]);
    await security.deleteApiKey(ada, made._id);
    assert.equal((await security.searchApiKeys(ada)).total, 0);
  },

  async "what is in use is not deleted"(context) {
    const { security } = context.kuzzle;
    await refused(security.deleteRole(context.named("reader")), "security.role.in_use", 412);
    await refused(security.deleteProfile(context.named("readers")), "security.profile.in_use", 412);
    await refused(security.deleteRole("anonymous"), "security.role.cannot_delete", 400);
    await refused(security.deleteProfile("anonymous"), "security.profile.cannot_delete", 400);
  },

  async "users, profiles and roles are deleted"(context) {
    const { security } = context.kuzzle;
    const [ada, bob, eve] = ["ada", "bob", "eve"].map((name) => context.named(name));
    assert.equal((await security.deleteUser(ada))._id, ada);
    assert.deepEqual((await security.mDeleteUsers([bob, eve])).sort(), [bob, eve].sort());
    assert.deepEqual(await security.mGetUsers([ada, bob, eve]), []);
    await security.deleteProfile(context.named("readers"));
    assert.deepEqual(await security.mDeleteProfiles([context.named("spare")]), [context.named("spare")]);
    await security.deleteRole(context.named("reader"));
    assert.deepEqual(await security.mDeleteRoles([context.named("other")]), [context.named("other")]);
  },
};
