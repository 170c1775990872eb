// Answers what a regex rule of the JavaScript SDK answers: reads a JSON array of
// [pattern, text] pairs from standard input and writes a JSON array of true, false or "invalid".
import { readFileSync } from "node:fs";

const answer = ([pattern, text]) => {
  let regex;
  try {
    regex = new RegExp(pattern, "i");
  } catch {
    return "invalid";
  }
  return regex.test(String(text).toLowerCase());
};

const pairs = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(pairs.map(answer)) + "\n");
