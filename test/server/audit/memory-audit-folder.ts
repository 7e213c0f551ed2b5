import type { AuditFile, AuditFolder } from '../../../src/core/audit-folder.js';

export type AuditOperation = 'write' | 'sync' | 'create' | 'remove' | 'read';

/** Files in memory. `hook` runs before each operation; a hook that throws is a failure of the disk. */
export class MemoryAuditFolder {
  readonly files = new Map<string, Buffer>();
  /** The files as they were at the last sync: the state after a power failure. */
  readonly synced = new Map<string, Buffer>();
  readonly operations: string[] = [];
  hook: (operation: AuditOperation, name: string) => void | Promise<void> = () => undefined;

  /** Opens the folder, as `OpenAuditFolder` does. */
  readonly open = async (): Promise<AuditFolder> => ({
    names: async () => [...this.files.keys()],
    open: async (name) => (this.files.has(name) ? this.#file(name) : undefined),
    create: async (name) => {
      await this.#run('create', name);
      this.files.set(name, Buffer.alloc(0));
      return this.#file(name);
    },
    remove: async (name) => {
      await this.#run('remove', name);
      this.files.delete(name);
      this.synced.delete(name);
    },
  });

  /** Copy of the folder after a kill, or after a power failure. */
  copy(files: ReadonlyMap<string, Buffer> = this.files): MemoryAuditFolder {
    const copy = new MemoryAuditFolder();
    for (const [name, bytes] of files) copy.files.set(name, Buffer.from(bytes));
    return copy;
  }

  get text(): string {
    return [...this.files.keys()]
      .sort()
      .map((name) => String(this.files.get(name)))
      .join('');
  }

  get lines(): readonly any[] {
    return this.text
      .trimEnd()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as unknown);
  }

  #file(name: string): AuditFile {
    const content = (): Buffer => this.files.get(name) ?? Buffer.alloc(0);
    return {
      sizeBytes: async () => content().length,
      read: async (offset, lengthBytes) => {
        await this.#run('read', name);
        return Buffer.from(content().subarray(offset, offset + lengthBytes));
      },
      write: async (offset, data) => {
        await this.#run('write', name);
        const bytes = Buffer.alloc(Math.max(content().length, offset + data.length));
        content().copy(bytes);
        bytes.set(data, offset);
        this.files.set(name, bytes);
      },
      sync: async () => {
        const bytes = Buffer.from(content());
        await this.#run('sync', name);
        this.synced.set(name, bytes);
      },
      truncate: async (sizeBytes) => void this.files.set(name, content().subarray(0, sizeBytes)),
      close: async () => undefined,
    };
  }

  async #run(operation: AuditOperation, name: string): Promise<void> {
    this.operations.push(operation);
    await this.hook(operation, name);
  }
}
