"use strict";
// Reshapes JSON step by step. json.js reads it so that no digit is lost.
const fs = require("fs");
const { BadJson, Num, parse, write, toNumber, compareNumbers, addNumbers } = require("./json.js");

const STEPS_MAX = 100;

/** What the caller can put right. */
class BadInput extends Error {}

function kindOf(value) {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (value instanceof Map) return "an object";
  if (value instanceof Num) return "a number";
  return typeof value === "string" ? "a text" : "a truth value";
}

// ---- what steps are made of

function asText(value, what) {
  if (typeof value !== "string") throw new BadInput(`${what} must be a text`);
  return value;
}

function asPath(value, what) {
  return value === undefined ? [] : asText(value, what).split(".");
}

function asTexts(value, what) {
  if (!Array.isArray(value) || !value.every((item) => typeof item === "string")) throw new BadInput(`${what} must be a list of texts`);
  return value;
}

function asList(data) {
  if (!Array.isArray(data)) throw new BadInput(`it needs a list, and there is ${kindOf(data)}`);
  return data;
}

function asObject(data) {
  if (!(data instanceof Map)) throw new BadInput(`it needs an object, and there is ${kindOf(data)}`);
  return data;
}

function asCount(value, what, otherwise) {
  if (value === undefined) return otherwise;
  const number = value instanceof Num ? toNumber(value) : NaN;
  if (!Number.isSafeInteger(number) || number < 0) throw new BadInput(`${what} must be a whole number from 0 on`);
  return number;
}

/** What is at a path; undefined if nothing is. */
function at(data, keys) {
  for (const key of keys) {
    if (data instanceof Map) data = data.get(key);
    else if (Array.isArray(data) && /^\d+$/.test(key)) data = data[Number(key)];
    else return undefined;
  }
  return data;
}

/** The same for equal values. 1, 1.0 and 1e0 are equal. */
function identity(value) {
  if (value instanceof Num) return `n${value.canonical}`;
  if (Array.isArray(value)) return `[${value.map(identity).join(",")}]`;
  if (value instanceof Map) return `{${[...value].map(([k, v]) => JSON.stringify(k) + ":" + identity(v)).sort().join(",")}}`;
  return value === undefined ? "u" : JSON.stringify(value);
}

const same = (a, b) => identity(a) === identity(b);

/** Less than 0, 0 or more; undefined where two values have no order. */
function compare(a, b) {
  if (a instanceof Num && b instanceof Num) return compareNumbers(a, b);
  if (typeof a === "string" && typeof b === "string") return a < b ? -1 : a > b ? 1 : 0;
  if (typeof a === "boolean" && typeof b === "boolean") return Number(a) - Number(b);
  return undefined;
}

function contains(holder, value) {
  if (typeof holder === "string") return typeof value === "string" && holder.includes(value);
  return Array.isArray(holder) && holder.some((item) => same(item, value));
}

const ordered = (holds) => (found, wanted) => {
  const order = compare(found, wanted);
  return order !== undefined && holds(order);
};

const COMPARISONS = {
  "==": same,
  "!=": (found, wanted) => !same(found, wanted),
  "<": ordered((order) => order < 0),
  "<=": ordered((order) => order <= 0),
  ">": ordered((order) => order > 0),
  ">=": ordered((order) => order >= 0),
  contains,
  exists: (found) => found !== undefined,
  missing: (found) => found === undefined,
};

// ---- steps

function filter(data, step) {
  const keys = asPath(step.get("path"), "'path'");
  const is = step.has("is") ? asText(step.get("is"), "'is'") : "==";
  if (!Object.hasOwn(COMPARISONS, is)) throw new BadInput(`'is' must be one of ${Object.keys(COMPARISONS).join(" ")}, not '${is}'`);
  const wanted = step.get("value");
  if (wanted === undefined && is !== "exists" && is !== "missing") throw new BadInput(`'${is}' needs a 'value'`);
  return asList(data).filter((item) => COMPARISONS[is](at(item, keys), wanted));
}

/** Something done to an object, or to each of a list. */
function each(data, change) {
  return Array.isArray(data) ? data.map((item) => change(asObject(item))) : change(asObject(data));
}

function pick(data, step) {
  const fields = step.get("fields");
  const pairs = fields instanceof Map
    ? [...fields].map(([name, from]) => [name, asPath(from ?? null, `'fields': '${name}'`)])
    : asTexts(fields, "'fields'").map((from) => [from.split(".").pop(), from.split(".")]);
  return each(data, (item) => {
    const out = new Map();
    for (const [name, keys] of pairs) {
      const value = at(item, keys);
      if (value !== undefined) out.set(name, value);
    }
    return out;
  });
}

function drop(data, step) {
  const fields = new Set(asTexts(step.get("fields"), "'fields'"));
  return each(data, (item) => new Map([...item].filter(([key]) => !fields.has(key))));
}

function rename(data, step) {
  const fields = step.get("fields");
  if (!(fields instanceof Map)) throw new BadInput("'fields' must be an object of old and new keys");
  for (const [key, to] of fields) asText(to, `'fields': '${key}'`);
  return each(data, (item) => new Map([...item].map(([key, value]) => [fields.get(key) ?? key, value])));
}

function sort(data, step) {
  const keys = asPath(step.get("path"), "'path'");
  const desc = step.get("desc") ?? false;
  if (typeof desc !== "boolean") throw new BadInput("'desc' must be true or false");
  const items = asList(data).map((item) => [at(item, keys) ?? null, item]);
  return items.sort(([a], [b]) => {
    if (a === null || b === null) return Number(a === null) - Number(b === null);
    const order = compare(a, b);
    if (order === undefined) throw new BadInput(`${kindOf(a)} and ${kindOf(b)} have no order`);
    return desc ? -order : order;
  }).map(([, item]) => item);
}

function unique(data, step) {
  const keys = asPath(step.get("path"), "'path'");
  const seen = new Set();
  return asList(data).filter((item) => {
    const key = identity(at(item, keys));
    return !seen.has(key) && seen.add(key);
  });
}

function group(data, step) {
  const keys = asPath(asText(step.get("path"), "'path'"), "'path'");
  const sum = step.has("sum") ? asPath(step.get("sum"), "'sum'") : null;
  const groups = new Map();
  asList(data).forEach((item, i) => {
    const key = at(item, keys) ?? null;
    const found = groups.get(identity(key)) ?? { key, count: 0, sum: new Num("0") };
    groups.set(identity(key), found);
    found.count += 1;
    const value = sum ? at(item, sum) ?? null : null;
    if (value instanceof Num) found.sum = addNumbers(found.sum, value);
    else if (value !== null) throw new BadInput(`item ${i} has ${kindOf(value)} at '${sum.join(".")}', and only numbers can be added up`);
  });
  return [...groups.values()].map((g) => new Map([["key", g.key], ["count", new Num(String(g.count))], ...(sum ? [["sum", g.sum]] : [])]));
}

function limit(data, step) {
  const skip = asCount(step.get("skip"), "'skip'", 0);
  return asList(data).slice(skip, skip + asCount(step.get("count"), "'count'", Infinity));
}

const OPS = {
  get: [["path"], (data, step) => at(data, asPath(asText(step.get("path"), "'path'"), "'path'")) ?? null],
  filter: [["path", "is", "value"], filter],
  pick: [["fields"], pick],
  drop: [["fields"], drop],
  rename: [["fields"], rename],
  sort: [["path", "desc"], sort],
  unique: [["path"], unique],
  group: [["path", "sum"], group],
  flatten: [[], (data) => asList(data).flat()],
  limit: [["count", "skip"], limit],
  keys: [[], (data) => [...asObject(data).keys()]],
  values: [[], (data) => [...asObject(data).values()]],
};

function transform(request) {
  if (!(request instanceof Map) || !request.has("data")) throw new BadInput("the input must be an object with 'data' and 'steps'");
  const steps = request.get("steps");
  if (!Array.isArray(steps) || steps.length > STEPS_MAX) throw new BadInput(`'steps' must be a list of at most ${STEPS_MAX} steps`);
  let data = request.get("data");
  steps.forEach((step, i) => {
    const op = step instanceof Map ? step.get("op") : undefined;
    if (typeof op !== "string" || !Object.hasOwn(OPS, op)) {
      throw new BadInput(`steps[${i}] needs an 'op', one of ${Object.keys(OPS).join(" ")}${typeof op === "string" ? `, not '${op}'` : ""}`);
    }
    const [known, run] = OPS[op];
    const unknown = [...step.keys()].find((key) => key !== "op" && !known.includes(key));
    try {
      if (unknown !== undefined) throw new BadInput(`'${unknown}' isn't known${known.length ? `, but ${known.join(", ")}` : ""}`);
      data = run(data, step);
    } catch (problem) {
      if (problem instanceof BadInput) problem.message = `steps[${i}], ${op}: ${problem.message}`;
      throw problem;
    }
  });
  return data;
}

function main() {
  let result;
  try {
    result = transform(parse(fs.readFileSync(process.env.SANDBOX_INPUT_FILE, "utf8")));
  } catch (problem) {
    if (!(problem instanceof BadInput || problem instanceof BadJson)) throw problem;
    console.error(`json-transform: ${problem.message.replace(/\s+/g, " ")}`);
    return 1;
  }
  const out = new Map([["result", result], ...(Array.isArray(result) ? [["count", new Num(String(result.length))]] : [])]);
  fs.writeFileSync(process.env.SANDBOX_OUTPUT, write(out));
  console.log(Array.isArray(result) ? `${result.length} items` : `${kindOf(result)}`);
  return 0;
}

process.exitCode = main();
