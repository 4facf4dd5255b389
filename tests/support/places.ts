/** The expressions of a model by their places, and those that have other axes than the canonical ones of their place. */
import { LAYER_INPUT } from "../../compiler/check/making.ts";
import type { Algorithm, LayerOperation, Made, MemoryState, Spec } from "../../compiler/check/spec.ts";
import type { Rule } from "../../compiler/derive/rule.ts";
import { isObstacle } from "../../compiler/form/planes.ts";
import { definitionsOf } from "../../compiler/form/steps.ts";
import { tileAdjoint } from "../../compiler/form/tile-adjoint.ts";
import type { TileForm } from "../../compiler/form/tile-form.ts";
import { tileForm } from "../../compiler/form/tiles.ts";
import { axesFor, type Dim } from "../../compiler/math/axis.ts";
import type { Expr } from "../../compiler/math/expr.ts";
import type { Model } from "../../compiler/pipeline.ts";

type Place = readonly [what: string, e: Expr | undefined, shape: readonly Dim[]];

const NUMBER: readonly Dim[] = [];

// ---------------------------------------------------------------- places

function* ofSpec(spec: Spec): Generator<Place> {
  const { bias, read } = spec;
  yield ["read", read.body, read.shape];
  yield ["the key", spec.key, read.x.shape];
  yield ["the key of the error", spec.errorKey, read.x.shape];
  yield ["the target", bias.target, bias.v.shape];
  yield ["the loss", bias.loss, NUMBER];
  yield ["the gradient of the bias", bias.gradient, bias.y.shape];
  for (const s of spec.states) yield* ofState(s);
  for (const s of spec.algorithmStates) yield [`the update of ${s.name}`, s.update, s.shape];
  yield* ofAlgorithm(spec.algorithm);
  if (spec.algorithm.kind === "regression") yield ["what is kept of a token", spec.tokenKeep, NUMBER];
  for (const { tensor, x } of spec.reads) yield [`where ${tensor.name} is read`, x, read.x.shape];
  yield ["the output", spec.output, spec.outputShape];
  for (const { target, value } of spec.expectations)
    yield [`what is expected of ${target.name}`, value, target.shape];
  for (const { tensor, made } of spec.inputs) yield* ofMade(tensor.name, made, tensor.shape);
  yield* ofMade("the layer's output", spec.layerOutput, spec.layerOutput.shape);
}

function* ofState(s: MemoryState): Generator<Place> {
  const { name, shape, penalty } = s;
  yield [`keep of ${name}`, s.keep, shape];
  yield [`link of ${name}`, s.link, shape];
  yield [`prox of ${name}`, s.prox, shape];
  yield [`step of ${name}`, s.step, shape];
  yield [`advance of ${name}`, s.advance, shape];
  yield [`penalty of ${name}`, penalty?.value, NUMBER];
  const over = penalty?.over;
  const besides = (axis: number): Dim[] => shape.filter((_, i) => i !== axis);
  if (over?.kind === "simplex") yield [`total of ${name}`, over.total, besides(over.axis)];
  if (over?.kind === "box") {
    yield [`least of ${name}`, over.low, NUMBER];
    yield [`most of ${name}`, over.high, NUMBER];
  }
}

function* ofAlgorithm(a: Algorithm): Generator<Place> {
  if (a.kind === "proximal") yield ["the objective", a.value, NUMBER];
  if (a.kind === "regression" || a.kind === "overall") yield ["the weight of a token", a.weight, NUMBER];
  if (a.kind === "overall") yield ["the penalty of the objective", a.penalty, NUMBER];
}

function* ofMade(name: string, { operations, value }: Made, shape: readonly Dim[]): Generator<Place> {
  const actsOn = (o: LayerOperation) => (o.kind === "project" ? LAYER_INPUT.shape : o.result.shape);
  for (const o of operations) yield [`what ${o.result.name} of ${name} acts on`, o.from, actsOn(o)];
  yield [`${name} as the layer makes it`, value, shape];
}

function* ofRule({
  spec,
  error,
  gradients,
  shownUpdates,
  definitions,
  states,
  output,
}: Rule): Generator<Place> {
  yield ["dℓ/dy", error.raw, spec.bias.y.shape];
  yield ["dℓ/dy, simplified", error.simple, spec.bias.y.shape];
  for (const { state, shown } of gradients) yield [`∂ℓ/∂${state.name}`, shown, state.shape];
  for (const [t, e] of definitions) yield [`the definition of ${t.name}`, e, t.shape];
  const shapes = new Map(states.map((s) => [s.name, s.shape]));
  for (const { name, expr } of shownUpdates)
    yield [`the update of ${name}, as shown`, expr, shapes.get(name) ?? NUMBER];
  for (const s of states) yield [`the update of ${s.name}`, s.update, s.shape];
  yield ["the output of the rule", output, spec.outputShape];
}

function* ofTile({ rule, constants, phases, meanings, ends, output }: TileForm): Generator<Place> {
  const quantities = [...constants, ...phases.flatMap((p) => p.quantities)];
  for (const { tensor, value } of quantities) yield [`${tensor.name} of the tile`, value, tensor.shape];
  for (const [t, e] of meanings) yield [`what ${t.name} of the tile means`, e, t.shape];
  for (const [s, e] of ends) yield [`${s.name} after the tile`, e, s.shape];
  yield ["the output of the tile", output, rule.spec.outputShape];
}

function* ofAdjoint(form: TileForm): Generator<Place> {
  const { tile, steps } = tileAdjoint(form);
  for (const { tensor, value } of [...tile.steps, ...steps].flatMap(definitionsOf))
    yield [`${tensor.name} of the whole tile`, value, tensor.shape];
}

// ---------------------------------------------------------------- what is out of place

/** `the gradient of the bias has dk.0 besides dv.0`, for each expression that has other axes than those of its place. */
function outOfPlace(places: Iterable<Place>): string[] {
  return [...places].flatMap(([what, e, shape]) => {
    const own = axesFor(shape);
    const others = (e?.axes ?? []).filter((a) => !own.includes(a));
    const ids = (axes: readonly { id: string }[]): string => axes.map((a) => a.id).join(", ") || "none";
    return others.length === 0 ? [] : [`${what} has ${ids(others)} besides ${ids(own)}`];
  });
}

/** What is out of place in a model, its rule and the form of its tile; in the adjoint of that too, which takes longest to derive. */
export function misplaced({ spec, rule }: Model, withAdjoint: boolean): string[] {
  const form = tileForm(rule);
  const wrong = outOfPlace([...ofSpec(spec), ...ofRule(rule)]);
  if (isObstacle(form)) return wrong;
  return [...wrong, ...outOfPlace([...ofTile(form), ...(withAdjoint ? ofAdjoint(form) : [])])];
}
