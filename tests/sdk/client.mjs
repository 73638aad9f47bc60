// Drives the official SDK for a test: JSON lines in, JSON lines out.
//
//   node client.mjs websocket|http PORT
//
// In:  {"id": 1, "query": {controller, action, ...}, "options": {...}}  or  {"id": 2, "disconnect": true}
//      or {"id": 3, "call": ["document", "create", ...arguments]} for a method of the SDK; of a search all pages are
//      read, and told as lists of ids.  Or {"id": 4, "jwt": "read" or a token or null}
//      or {"id": 5, "subscribe": [index, collection, filter]}: what is heard is told as the event "notified"
// Out: {"event": "connected"} ... and {"id": 1, "response": {...}} or {"id": 1, "error": {...}}

import { createInterface } from "node:readline";
import sdk from "kuzzle-sdk";

const [protocolName, port] = process.argv.slice(2);
const Protocol = { websocket: sdk.WebSocket, http: sdk.Http }[protocolName];
const kuzzle = new sdk.Kuzzle(
  new Protocol("127.0.0.1", { port: Number(port), reconnectionDelay: 200 }),
  { autoQueue: false },
);

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const describe = (error) => ({
  name: error.constructor.name,
  isKuzzleError: error.constructor.name === "KuzzleError",
  message: error.message,
  status: error.status,
  id: error.id,
  code: error.code,
  props: error.props,
});

const events = ["connected", "disconnected", "networkError", "reconnected", "queryError", "discarded", "tokenExpired"];
for (const event of events) {
  kuzzle.on(event, () => say({ event }));
}

const callMethod = async ([controller, method, ...args]) => {
  const result = await kuzzle[controller][method](...args);
  if (method !== "search") return result;
  const pages = [];
  for (let page = result; page; page = await page.next()) pages.push(page.hits.map((hit) => hit._id));
  return { pages, total: result.total };
};

const run = async ({ id, query, options, disconnect, call, jwt, subscribe }) => {
  try {
    if (disconnect) {
      kuzzle.disconnect();
      say({ id, response: null });
    } else if (subscribe) {
      const heard = ({ action, result }) => say({ event: "notified", action, id: result._id });
      say({ id, response: await kuzzle.realtime.subscribe(...subscribe, heard) });
    } else if (call) {
      say({ id, response: (await callMethod(call)) ?? null });
    } else if (jwt !== undefined) {
      if (jwt !== "read") kuzzle.jwt = jwt;
      say({ id, response: kuzzle.jwt ?? null });
    } else {
      say({ id, response: await kuzzle.query(query, options) });
    }
  } catch (error) {
    say({ id, error: describe(error) });
  }
};

try {
  await kuzzle.connect();
  say({ event: "ready", globalWebSocket: typeof globalThis.WebSocket !== "undefined" });
} catch (error) {
  say({ event: "failed", error: describe(error) });
}
const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => run(JSON.parse(line)));
lines.on("close", () => process.exit(0));
