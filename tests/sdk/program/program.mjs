// Runs named checks with nothing but the official SDK, and says of each how it went: a JSON line for each.
//
//   node program.mjs websocket|http PORT NAME MODULE...
//
// A module of `checks/` exports its checks as an object `{"what is checked": async (context) => ...}`. Modules run side
// by side, each with a connection of its own; the checks of one module run one after another, in their order.
// NAME is the index that the run may use. Out: {"module", "check", "error": null or text} ...

import { Context } from "./context.mjs";

const PATIENCE = 30_000;
const [protocol, port, name, ...modules] = process.argv.slice(2);

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const describe = (error) =>
  [error?.id, error?.props?.join(", "), error?.errors && JSON.stringify(error.errors), error?.stack ?? String(error)]
    .filter(Boolean)
    .join("\n");

const within = (promise) => {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${PATIENCE} ms`)), PATIENCE);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
};

const runModule = async (module) => {
  const { default: checks } = await import(`./checks/${module}.mjs`);
  const context = new Context({ protocol, port: Number(port), name, module });
  let unusable;
  try {
    await within(context.open());
  } catch (error) {
    unusable = error;
  }
  for (const [check, run] of Object.entries(checks)) {
    try {
      if (unusable) throw unusable;
      await within(run(context));
      say({ module, check, error: null });
    } catch (error) {
      say({ module, check, error: describe(error) });
    }
  }
  context.close();
};

const shared = new Context({ protocol, port: Number(port), name, module: "program" });
await shared.open();
await shared.prepare();
await Promise.all(modules.map(runModule));
process.exit(0);
