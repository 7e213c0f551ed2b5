import { addExamples, type AddCommand } from './command-context.js';
import { addCommonOptions } from './common-options.js';

export interface GroupDefinition {
  readonly name: string;
  readonly summary: string;
  readonly description: string;
  readonly commands: readonly AddCommand[];
  readonly examples: readonly (readonly [line: string, what: string])[];
}

/** Defines a command that groups other commands. For example, the group `acl` has the command `clerk acl allow`. */
export function defineGroup({ name, summary, description, commands, examples }: GroupDefinition): AddCommand {
  return (program, io) => {
    const group = program
      .command(name)
      .summary(summary)
      .description(description)
      .usage('<command> [options]');
    addCommonOptions(group);
    for (const add of commands) add(group, io);
    addExamples(group, examples);
  };
}
