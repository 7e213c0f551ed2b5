import { ClerkError, isClerkError } from '../../core/errors.js';
import type { ExportLine } from '../../protocol/naming-messages.js';
import type { RouteLauncher } from './authorized-launcher.js';

/**
 * Checks the launch rules of the services of an import, as a definition of each service does.
 *
 * @throws {@link ClerkError} `FORBIDDEN`, with the number of the line, when a manifest is not for the service of a line
 */
export function checkLaunchRules(
  lines: readonly ExportLine[],
  launcher: Pick<RouteLauncher, 'checkRule'>,
): void {
  for (const [index, line] of lines.entries()) {
    if (line.kind !== 'service' || !line.launch) continue;
    try {
      launcher.checkRule(line.name, line.launch);
    } catch (error) {
      if (!isClerkError(error)) throw error;
      throw new ClerkError(error.code, `Line ${String(index + 1)}: ${error.message}`, { cause: error });
    }
  }
}
