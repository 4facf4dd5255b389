/** All properties, the cheap ones first: to add one is to write its file and to list it here. */
import { causality } from "./properties/causality.ts";
import { domains } from "./properties/domains.ts";
import { gradient } from "./properties/gradient.ts";
import { kernels, tileKernels } from "./properties/kernels.ts";
import { minimum } from "./properties/minimum.ts";
import { simplification } from "./properties/simplification.ts";
import { split } from "./properties/split.ts";
import { tiles } from "./properties/tiles.ts";
import type { Property } from "./property.ts";

export const properties: readonly Property[] = [
  domains,
  split,
  causality,
  gradient,
  minimum,
  simplification,
  tiles,
  kernels,
  tileKernels,
];
