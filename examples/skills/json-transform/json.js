"use strict";
// JSON without loss: JSON.parse makes 12345678901234567890 to 12345678901234567000 and moves keys like "10" to the front. Here
// numbers keep their text, objects are Maps, and so what goes through comes out as it was.

const DEPTH_MAX = 500;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const STRING = /"(?:[^"\\]|\\.)*"/y;
const BLANK = /[ \t\r\n]*/y;
const EXACT_DIGITS = 10000; // the longest whole number that is added up exactly

class BadJson extends Error {}

/** A number as it was written. */
class Num {
  constructor(text) {
    this.text = text;
  }

  /** Whole, written without a point or exponent. */
  get isWhole() {
    return /^-?\d+$/.test(this.text) && this.text.length <= EXACT_DIGITS;
  }

  /** The same text for equal numbers: the digits without zeros around them, and a power of ten. */
  get canonical() {
    const [, sign, whole, part = "", power = "0"] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(this.text);
    const digits = (whole + part).replace(/^0+/, "");
    const short = digits.replace(/0+$/, "");
    if (short === "") return "0";
    return `${sign}${short}e${BigInt(power) - BigInt(part.length) + BigInt(digits.length - short.length)}`;
  }
}

const toNumber = (num) => Number(num.text);

function compareNumbers(a, b) {
  const [x, y] = a.isWhole && b.isWhole ? [BigInt(a.text), BigInt(b.text)] : [toNumber(a), toNumber(b)];
  return x < y ? -1 : x > y ? 1 : 0;
}

function addNumbers(a, b) {
  if (a.isWhole && b.isWhole) return new Num(String(BigInt(a.text) + BigInt(b.text)));
  const sum = toNumber(a) + toNumber(b);
  if (!Number.isFinite(sum)) throw new BadJson("a sum is too large for a number");
  return new Num(String(sum));
}

function parse(text) {
  let position = 0;
  const fail = (what) => { throw new BadJson(`the input is no JSON: ${what} at ${position}`); };
  const take = (pattern) => {
    pattern.lastIndex = position;
    const match = pattern.exec(text);
    if (match) position += match[0].length;
    return match && match[0];
  };
  const next = (character) => {
    take(BLANK);
    if (text[position] !== character) return false;
    position += 1;
    return true;
  };

  function string() {
    take(BLANK);
    const found = take(STRING);
    return found === null ? fail("a text is missing") : JSON.parse(found);
  }

  function object(depth) {
    const out = new Map();
    if (next("}")) return out;
    do {
      const key = string();
      if (!next(":")) fail("a colon is missing");
      out.set(key, value(depth));
    } while (next(","));
    return next("}") ? out : fail("a brace is missing");
  }

  function array(depth) {
    const out = [];
    if (next("]")) return out;
    do out.push(value(depth)); while (next(","));
    return next("]") ? out : fail("a bracket is missing");
  }

  function value(depth) {
    if (depth > DEPTH_MAX) throw new BadJson(`the input is nested more than ${DEPTH_MAX} deep`);
    if (next("{")) return object(depth + 1);
    if (next("[")) return array(depth + 1);
    if (text[position] === '"') return string();
    for (const [word, meaning] of [["null", null], ["true", true], ["false", false]]) {
      if (text.startsWith(word, position)) {
        position += word.length;
        return meaning;
      }
    }
    const number = take(NUMBER);
    return number === null ? fail("a value is missing") : new Num(number);
  }

  const result = value(0);
  take(BLANK);
  return position === text.length ? result : fail("something follows");
}

function write(value) {
  if (value instanceof Num) return value.text;
  if (Array.isArray(value)) return `[${value.map(write).join(",")}]`;
  if (value instanceof Map) return `{${[...value].map(([key, item]) => `${JSON.stringify(key)}:${write(item)}`).join(",")}}`;
  return JSON.stringify(value);
}

module.exports = { BadJson, Num, parse, write, toNumber, compareNumbers, addNumbers };
