/** How the lanes of a workgroup bring their own results together. */
import { barrier, type Index, named, plus, type Value } from "../kernel/block.ts";
import type { Reduction } from "../math/node.ts";
import type { Frame } from "./frame.ts";
import type { Scope } from "./scope.ts";

export class Exchange {
  readonly #frame: Frame;
  readonly #lanes: number;
  /** Where the lanes leave their own results, where they have no other way to exchange them. */
  #array: string | undefined;

  constructor(frame: Frame, lanes: number) {
    this.#frame = frame;
    this.#lanes = lanes;
  }

  /** The results of all lanes as one, that all of them have. */
  whole(scope: Scope, op: Reduction, own: Value & { kind: "local" }): Value {
    const frame = this.#frame;
    const name = frame.name(`whole_${own.name}`);
    if (frame.target.subgroups) {
      scope.statements.push({ kind: "let", name, value: { kind: "reduce-lanes", op, value: own } });
      return { kind: "local", name };
    }
    if (this.#array === undefined) {
      this.#array = frame.name("exchange");
      frame.workgroup.push({ name: this.#array, length: this.#lanes });
    }
    const array = this.#array;
    const at = (index: Index) => ({ kind: "element", array, index: [index] }) as const;
    scope.statements.push({ kind: "assign", place: at(named("lane")), value: own }, barrier("workgroup"));
    for (let apart = this.#lanes / 2; apart >= 1; apart /= 2)
      scope.statements.push(
        {
          kind: "when",
          all: [{ index: named("lane"), bound: apart }],
          body: [{ kind: "merge", place: at(named("lane")), op, value: at(plus(named("lane"), apart)) }],
        },
        barrier("workgroup"),
      );
    scope.statements.push({ kind: "let", name, value: at(0) }, barrier("workgroup"));
    return { kind: "local", name };
  }
}
