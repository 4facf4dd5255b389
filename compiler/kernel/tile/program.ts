/** From a tile form to the statements that compute it. */
import type { RuleState } from "../../derive/rule.ts";
import { type Quantity, TILE, type TileForm } from "../../form/tile-form.ts";
import { add, apply, at, call, mul, rebuild, sub, substitute } from "../../math/algebra.ts";
import { type Axis, axesFor, type Dim, freshAxis } from "../../math/axis.ts";
import { domainOf } from "../../math/domain.ts";
import {
  constant,
  type Expr,
  type Leaf,
  leaf,
  open,
  openSolve,
  position,
  postorder,
  type Reduce,
  type Solve,
  type Tensor,
} from "../../math/expr.ts";
import { REAL } from "../../math/interval.ts";
import { type Carried, conjugateGradients } from "../solve.ts";
import { needed, scheduled } from "./order.ts";
import {
  eachToken,
  LAST,
  type Loop,
  NOW,
  readBy,
  type Statement,
  type Step,
  type TileProgram,
} from "./statements.ts";

export function tileProgram(form: TileForm): TileProgram {
  return new Builder(form).program();
}

class Builder {
  readonly #form: TileForm;
  readonly #tiles = new Map<Tensor, Tensor>();
  readonly #stacked: ReadonlyMap<Tensor, Tensor>;
  readonly #quantities: ReadonlySet<Tensor>;
  readonly #befores = new Map<Tensor, Quantity>();
  readonly #inputs = new Set<Tensor>();
  readonly #starts = new Map<Tensor, Tensor>();
  readonly #held = new Map<Expr, Tensor>();
  /** What is lost, of what is left of a state. */
  readonly #lost = new Map<Tensor, Tensor>();
  readonly #solutions = new Map<Expr, Expr>();
  /** Matrices that each token has of its own, over the canonical axes. */
  readonly #matrices = new Map<Tensor, Expr>();
  /** Quantities that are the same for all tokens: computed once. */
  readonly #once = new Map<Tensor, Tensor>();
  readonly #list: Statement[] = [];
  readonly #canonical: (d: Dim) => Dim;

  constructor(form: TileForm) {
    this.#form = form;
    const { spec, states } = form.rule;
    this.#canonical = (d) => (d === TILE ? d : spec.equalities.canonical(d));
    this.#stacked = new Map([...form.stacks].map(([t, stack]) => [stack, t]));
    const all = form.phases.flatMap((p) => p.quantities);
    this.#quantities = new Set(all.map((q) => q.tensor));
    for (const q of all) if (q.before) this.#befores.set(q.before.tensor, q);
    for (const { tensor } of spec.inputs) this.#inputs.add(tensor);
    for (const t of spec.numbers) if (t.name === "step") this.#inputs.add(t);
    // A tile never goes over a chunk's start: what the chunk started with, the tile starts with.
    for (const s of states) if (s.start) this.#starts.set(s.start, form.starts.get(s) as Tensor);
  }

  program(): TileProgram {
    const form = this.#form;
    const { spec } = form.rule;
    const steps: Step[] = [];
    for (const { tensor, value } of form.constants)
      this.#assign("value", tensor, tensor.shape, this.#ofTokens(value, NOW), undefined);
    const once = this.#list.splice(0);
    if (once.length > 0) steps.push({ order: "once", statements: once });
    const serial = new Set<Tensor>();
    for (const phase of form.phases) {
      for (const { tensor, value, before } of phase.quantities) {
        const from = this.#list.length;
        const own = this.#ofTokens(value, NOW);
        const isOfToken = before || own.axes.includes(NOW) || form.stacks.has(tensor);
        const target = isOfToken ? this.#tile(tensor) : this.#forAll(tensor);
        if (!before && phase.order === "parallel" && tensor.shape.length === 2)
          this.#matrices.set(target, at(own, axesFor(tensor.shape), axesFor(target.shape.slice(1))));
        this.#assign(before ? "running" : "value", target, tensor.shape, own, before);
        if (before?.start === 1) this.#countLoss(target, tensor, own, this.#tile(before.tensor));
        if (phase.order === "serial") for (const s of this.#list.slice(from)) serial.add(s.target);
      }
    }
    const output: Tensor = { name: "y", shape: [TILE, ...spec.outputShape], domain: domainOf(form.output) };
    this.#assign("output", output, spec.outputShape, this.#ofTokens(form.output, NOW), undefined);
    const ahead = this.#list.splice(0);
    const ends: Statement[] = [];
    for (const [s, value] of form.ends) {
      this.#end(s, this.#ofTokens(value, LAST));
      ends.push(this.#list.pop() as Statement);
    }
    const last = this.#list.splice(0);
    steps.push(...scheduled(needed(ahead, [...last, ...ends]), serial));
    if (last.length > 0) steps.push({ order: "once", statements: last });
    if (ends.length > 0) steps.push({ order: "end", statements: ends });
    return {
      steps,
      inputs: new Map([...this.#inputs].flatMap((t) => (this.#tiles.has(t) ? [[t, this.#tile(t)]] : []))),
      output,
    };
  }

  /** A quantity or an input of all tokens of the tile. */
  #tile(t: Tensor): Tensor {
    let found = this.#tiles.get(t);
    if (!found) {
      found = eachToken(t.name, t.shape.map(this.#canonical), t.domain);
      this.#tiles.set(t, found);
    }
    return found;
  }

  /**
   * What is left of a product of decays, and beside it what is lost: 1 − Πp, as lost + (1 − p)(1 − lost). Products of
   * numbers just below 1 are rounded in one direction, and that adds up from tile to tile.
   */
  #countLoss(left: Tensor, { name, shape }: Tensor, value: Expr, before: Tensor): void {
    const index = axesFor(shape.map(this.#canonical));
    const factors = value.kind === "apply" && value.op.name === "mul" ? value.args : [];
    const own = factors.find((f) => f.kind === "leaf" && f.tensor === before);
    if (!own) return;
    const p = mul(...factors.filter((f) => f !== own));
    const lost: Tensor = { name: `${name}.lost`, shape, domain: REAL };
    const lostBefore: Tensor = { name: `${name}.lost.before`, shape, domain: REAL };
    const so = leaf(this.#tile(lostBefore), [NOW, ...index]);
    const sum = add(so, mul(sub(constant(1), p), sub(constant(1), so)));
    const running = { tensor: lostBefore, start: 0 };
    this.#assign("running", this.#tile(lost), shape, at(sum, index, axesFor(shape)), running);
    this.#lost.set(left, this.#tile(lost));
  }

  /** b · W as W − lost · W, where little is lost. */
  #kept(e: Expr): Expr {
    const factors = e.kind === "apply" && e.op.name === "mul" ? e.args : [];
    const starts = new Set(this.#form.starts.values());
    const left = factors.find((f): f is Leaf => f.kind === "leaf" && this.#lost.has(f.tensor));
    if (!left || !factors.some((f) => f.kind === "leaf" && starts.has(f.tensor))) return e;
    const rest = mul(...factors.filter((f) => f !== left));
    const lost = leaf(this.#lost.get(left.tensor) as Tensor, left.index);
    return call("where", call("less", lost, constant(0.5)), sub(rest, mul(lost, rest)), e);
  }

  #forAll(t: Tensor): Tensor {
    const once: Tensor = { ...t, shape: t.shape.map(this.#canonical) };
    this.#once.set(t, once);
    return once;
  }

  /** What is said of one token, of the token `token` of the tile. */
  #ofTokens(e: Expr, token: Axis): Expr {
    return substitute(e, (t, index) => {
      const once = this.#once.get(t);
      if (once) return leaf(once, index);
      const stacked = this.#stacked.get(t);
      if (stacked) {
        const isOfToken = this.#quantities.has(stacked) || this.#inputs.has(stacked);
        return isOfToken ? leaf(this.#tile(stacked), index) : leaf(stacked, index.slice(1));
      }
      if (this.#quantities.has(t) || this.#inputs.has(t) || this.#befores.has(t))
        return leaf(this.#tile(t), [token, ...index]);
      const start = this.#starts.get(t);
      if (start) return leaf(start, index);
      return t === this.#form.now ? position(token) : undefined;
    });
  }

  /** `e` is over the canonical axes of `shape`. */
  #assign(
    kind: "value" | "running" | "output",
    target: Tensor,
    shape: readonly Dim[],
    e: Expr,
    before: Quantity["before"],
  ): void {
    const result = axesFor(shape.map(this.#canonical));
    const whole = at(e, axesFor(shape), result);
    const running = before && { ...before, tensor: this.#tile(before.tensor) };
    const computed =
      whole.kind === "reduce" && kind === "value"
        ? this.#reduction(whole)
        : { reduction: undefined, body: this.#flatten(whole, shape.length === 0) };
    this.#list.push({ kind, target, result, ...computed, before: running, sums: [] });
  }

  /** A state after the tile: its sums over the tile stay in its own nest. */
  #end({ previous: target, shape }: RuleState, e: Expr): void {
    const result = axesFor(shape.map(this.#canonical));
    const sums: Statement["sums"][number][] = [];
    const go = (x: Expr): Expr => {
      if (
        x.kind === "reduce" &&
        x.op.name === "sum" &&
        result.every((a) => x.axes.includes(a)) &&
        result.length === 2
      ) {
        const { axis, body } = open(x);
        const tensor: Tensor = {
          name: `sum${sums.length}`,
          shape: result.map((a) => a.dim),
          domain: domainOf(x),
        };
        sums.push({ tensor, axis, body: this.#factored(this.#flatten(body), result[1] as Axis) });
        return leaf(tensor, result);
      }
      const kept = this.#kept(x);
      if (kept !== x) return this.#flatten(kept);
      return x.kind === "apply" ? rebuild(x, go) : this.#flatten(x);
    };
    const body = go(at(e, axesFor(shape), result));
    this.#list.push({ kind: "end", target, result, reduction: undefined, body, before: undefined, sums });
  }

  #reduction(e: Reduce): Pick<Statement, "reduction" | "body"> {
    const { axis, body } = open(e);
    const along = freshAxis(this.#canonical(axis.dim));
    const flat = this.#flatten(at(body, [axis], [along]));
    const lane = e.axes.find((a) => a !== NOW && a !== LAST);
    return { reduction: { op: e.op, axis: along }, body: lane ? this.#factored(flat, lane) : flat };
  }

  /**
   * Every reduction replaced by a tensor that holds it. What is made of a token's sums alone, such as a norm, is held too:
   * once, for all elements that it stands in, unless there is but `one`.
   */
  #flatten(e: Expr, one = false): Expr {
    if (e.kind === "reduce") return this.#hold(e);
    if (e.kind === "solve") return this.#solution(e);
    if (e.kind !== "apply") return e;
    if (one) return rebuild(e, (x) => this.#flatten(x, true));
    if (isMadeOfSums(e)) return this.#hold(e);
    const alone = e.op.variadic ? e.args.filter((x) => x.axes.every((a) => a === NOW)) : [];
    const joined = alone.length > 1 ? apply(e.op, alone) : e;
    if (joined === e || !isMadeOfSums(joined)) return rebuild(e, (x) => this.#flatten(x));
    const others = e.args.filter((x) => !alone.includes(x)).map((x) => this.#flatten(x));
    return apply(e.op, [this.#hold(joined), ...others]);
  }

  /** The solution of a system for each token, by conjugate gradients. */
  #solution(e: Solve): Expr {
    const dim = this.#canonical(e.result.dim);
    const [axis] = axesFor([dim]) as [Axis];
    const canonical = at(e, [e.result], [axis]) as Solve;
    let found = this.#solutions.get(canonical);
    if (!found) {
      found = this.#solved(canonical, axis);
      this.#solutions.set(canonical, found);
    }
    return at(found, [axis], [e.result]);
  }

  #solved(e: Solve, axis: Axis): Expr {
    const { rows, columns, matrix, right } = openSolve(e);
    const given = this.#flatten(at(right, [columns], [axis]));
    const b = given.kind === "leaf" ? given : this.#hold(given);
    // Products with a matrix are all that is asked of it, so that no token's own is made.
    const whole = substitute(matrix, (t, index) => {
      const value = this.#matrices.get(t);
      return value && at(value, axesFor(t.shape.slice(1)), index.slice(1));
    });
    const own = new Map<Tensor, Tensor>();
    const named: { readonly tensor: Tensor; readonly value: Expr }[] = [];
    const { steps, solution } = conjugateGradients({
      axis,
      further: [NOW],
      together: false,
      matrix: (i, j) => at(whole, [rows, columns], [i, j]),
      right: (i) => at(b, [axis], [i]),
      named: (name, value) => {
        const tensor: Tensor = { name, shape: [axis.dim, TILE], domain: REAL };
        named.push({ tensor, value });
        return leaf(tensor, [axis, NOW]);
      },
    });
    const isNamed = ({ update }: Carried): boolean =>
      update.kind === "leaf" && named.some((x) => x.tensor === update.tensor);
    const ofEach = (t: Tensor): Tensor => eachToken(t.name, t.shape.slice(0, -1), t.domain);
    for (const { tensor } of named) own.set(tensor, ofEach(tensor));
    for (const c of steps.carry) {
      own.set(c.previous, ofEach(c.previous));
      own.set(c.next, isNamed(c) ? (own.get((c.update as Leaf).tensor) as Tensor) : ofEach(c.next));
    }
    const ofToken = (x: Expr): Expr =>
      substitute(x, (t, index) => {
        const tensor = own.get(t);
        return tensor && leaf(tensor, [NOW, ...index.slice(0, -1)]);
      });
    const of = (t: Tensor): Tensor => own.get(t) as Tensor;
    const atMost = this.#hold(this.#flatten(ofToken(steps.until.atMost))) as Leaf;
    const assigned = (target: Tensor, value: Expr): void =>
      this.#assign("value", target, target.shape.slice(1), this.#flatten(ofToken(value)), undefined);
    const starts = this.#inside(own, () => {
      for (const c of steps.carry) assigned(of(c.previous), c.start);
    });
    const turn = this.#inside(own, () => {
      for (const { tensor, value } of named) assigned(of(tensor), value);
      for (const c of steps.carry) if (!isNamed(c)) assigned(of(c.next), c.update);
    });
    const carry = steps.carry.map((c) => ({ previous: of(c.previous), next: of(c.next) }));
    const [{ previous: target, next }] = carry as [(typeof carry)[number]];
    const until = { value: of(steps.until.value), atMost: atMost.tensor };
    const loop: Loop = { starts, turn, carry, turns: steps.turns, until };
    const result = [axis];
    const shown = { reduction: undefined, body: e, before: undefined, sums: [] };
    this.#list.push({ kind: "value", target, result, ...shown, loop });
    const last = (t: Tensor, index: readonly Axis[]) => (t === next ? leaf(target, index) : undefined);
    return this.#flatten(substitute(ofToken(solution), last));
  }

  /** The statements that `make` adds and that depend on `own`; the others stay where they are. */
  #inside(own: ReadonlyMap<Tensor, Tensor>, make: () => void): Statement[] {
    const from = this.#list.length;
    make();
    const inside = new Set(own.values());
    const [added, kept]: [Statement[], Statement[]] = [this.#list.splice(from), []];
    for (const s of added) {
      const varies = inside.has(s.target) || [...readBy(s)].some((t) => inside.has(t));
      if (varies) inside.add(s.target);
      (varies ? kept : this.#list).push(s);
    }
    return kept;
  }

  /** Factors that do not run over the lanes are multiplied once, by the lane that has them. */
  #factored(e: Expr, lane: Axis): Expr {
    if (e.kind !== "apply" || e.op.name !== "mul") return e;
    const groups = new Map<string, Expr[]>();
    for (const f of e.args) {
      const key = f.axes
        .filter((a) => a !== LAST)
        .map((a) => a.id)
        .join();
      const isShared = f.axes.length > 0 && (!f.axes.includes(lane) || !f.axes.includes(NOW));
      groups.set(isShared ? key : "", [...(groups.get(isShared ? key : "") ?? []), f]);
    }
    return mul(
      ...[...groups].flatMap(([key, fs]) => (key === "" || fs.length < 2 ? fs : [this.#hold(mul(...fs))])),
    );
  }

  /** A tensor for the expression, at its axes. */
  #hold(e: Expr): Expr {
    const rank = (a: Axis): string => (a.dim === TILE ? `0${a.id}` : `1${a.dim.key}`);
    const own = e.axes.filter((a) => a !== NOW && a !== LAST).sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
    const hasNow = e.axes.includes(NOW);
    const shape = own.map((a) => this.#canonical(a.dim));
    const result = axesFor(shape);
    const canonical = at(e, own, result);
    let target = this.#held.get(canonical);
    if (!target) {
      const name = `t${this.#held.size + 1}`;
      target = hasNow ? eachToken(name, shape, domainOf(e)) : { name, shape, domain: domainOf(e) };
      this.#held.set(canonical, target);
      const parts =
        canonical.kind === "reduce"
          ? this.#reduction(canonical)
          : { reduction: undefined, body: this.#flatten(canonical, shape.length === 0) };
      this.#list.push({ kind: "value", target, result, ...parts, before: undefined, sums: [] });
    }
    return leaf(target, hasNow ? [NOW, ...own] : own);
  }
}

/** Whether it is a number of each token that is computed of its sums, as a norm is. */
const isMadeOfSums = (e: Expr): boolean => {
  const isOfToken = (x: Expr): boolean => x.axes.length === 1 && x.axes[0] === NOW;
  const isNumber = e.kind === "apply" && e.op.gives === "real" && isOfToken(e);
  return isNumber && postorder([e]).some((x) => x.kind === "reduce" && isOfToken(x));
};
