/**
 * All bindings of one clerk and what they stand on: bindings of one name share a target. A target that a program's
 * binding holds is never let go; the others are forgotten least recently used first, and then closed.
 */
import type { Answer } from './core/answer.js';
import { Binding } from './binding.js';
import { bindConfigOf } from './bind-config.js';
import { defaults } from './config.js';
import type { BindOptions } from './options.js';
import { recentlyUsed, type RecentlyUsed } from './resolve/lru.js';
import type { Shared } from './shared.js';
import { BindingSite } from './site.js';
import { Target } from './target.js';

/** See the file's header. */
export class Bindings {
  readonly #shared: Shared;
  readonly #targets: RecentlyUsed<Target>;
  /** Targets that the cache has let go and a binding still holds. */
  readonly #held = new Map<string, Target>();
  /** Bindings made for hosts and longer paths, by name. */
  readonly #implied: RecentlyUsed<Binding>;
  readonly #collected = new FinalizationRegistry<Target>((target) => this.#release(target));

  constructor(shared: Shared) {
    this.#shared = shared;
    this.#targets = recentlyUsed<Target>(defaults.maxNames, (target) => this.#forgotten(target));
    this.#implied = recentlyUsed<Binding>(defaults.maxNames, () => undefined);
  }

  /** A new binding. @throws a `ClerkError` `CONFIG_INVALID`, `NAME_INVALID`, `CLOSED` */
  bind(name: string, options: BindOptions): Binding {
    this.#shared.gate.check();
    const config = bindConfigOf(name, options, this.#shared.config.root);
    const target = this.#target(config.name);
    const binding = new Binding(new BindingSite(target, config), config);
    target.holders++;
    this.#collected.register(binding, target);
    return binding;
  }

  /** The binding that nobody has made: of a host, or of the beginning of a path. */
  implied(name: string): Binding {
    let binding = this.#implied.get(name);
    if (binding === undefined) {
      binding = this.bind(name, {});
      this.#implied.set(name, binding);
    }
    return binding;
  }

  /** Whether a program holds a binding of that name. */
  holds(name: string): boolean {
    return (this.#known(name)?.holders ?? 0) > 0;
  }

  /** Gives an answer to whoever holds its name. */
  adopt(answer: Answer): void {
    this.#known(answer.name)?.adopt(answer);
  }

  /** Finishes what is in flight and forgets the rest. */
  async close(): Promise<void> {
    await Promise.all(this.#all().map((target) => target.close()));
  }

  /** Cuts everything. */
  async destroy(error: Error): Promise<void> {
    await Promise.all(this.#all().map((target) => target.destroy(error)));
  }

  #target(name: string): Target {
    let target = this.#known(name);
    if (target === undefined) {
      target = new Target(name, this.#shared);
      this.#targets.set(name, target);
    }
    return target;
  }

  #known(name: string): Target | undefined {
    return this.#targets.get(name) ?? this.#held.get(name);
  }

  #all(): Target[] {
    return [...new Set([...this.#targets.values(), ...this.#held.values()])];
  }

  #forgotten(target: Target): void {
    if (target.holders > 0) this.#held.set(target.name, target);
    else void target.close();
  }

  #release(target: Target): void {
    target.holders--;
    if (target.holders === 0 && this.#held.delete(target.name)) void target.close();
  }
}
