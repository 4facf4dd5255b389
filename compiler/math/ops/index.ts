/** Every operation there is. To add one, write its file and list it here; the tests pick it up. */
import type { Elementwise, Reduction } from "../node.ts";
import { abs } from "./abs.ts";
import { add } from "./add.ts";
import { cos } from "./cos.ts";
import { cosh } from "./cosh.ts";
import { equal } from "./equal.ts";
import { exp } from "./exp.ts";
import { less } from "./less.ts";
import { lessEqual } from "./lessEqual.ts";
import { log } from "./log.ts";
import { maximum } from "./maximum.ts";
import { maxOver } from "./maxOver.ts";
import { minimum } from "./minimum.ts";
import { mul } from "./mul.ts";
import { pow } from "./pow.ts";
import { sigmoid } from "./sigmoid.ts";
import { sign } from "./sign.ts";
import { sin } from "./sin.ts";
import { sinh } from "./sinh.ts";
import { sum } from "./sum.ts";
import { tanh } from "./tanh.ts";
import { where } from "./where.ts";

export const elementwise: readonly Elementwise[] = [
  abs,
  add,
  cos,
  cosh,
  equal,
  exp,
  less,
  lessEqual,
  log,
  maximum,
  minimum,
  mul,
  pow,
  sigmoid,
  sign,
  sin,
  sinh,
  tanh,
  where,
];

export const reductions: readonly Reduction[] = [sum, maxOver];

export { add, maxOver, mul, pow, sum };
