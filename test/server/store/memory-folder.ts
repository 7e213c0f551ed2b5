import type { DataFile, DataFolder } from '../../../src/core/data-folder.js';

export type FolderOperation = 'write' | 'create' | 'truncate' | 'remove' | 'read';

/**
 * A folder in memory. `hook` runs for each operation, and `perform` changes the folder. A hook that throws before or
 * after `perform` is a failure of the disk.
 */
export class MemoryFolder {
  readonly files = new Map<string, Buffer>();
  readonly operations: string[] = [];
  hook: (operation: FolderOperation, name: string, perform: () => void) => void | Promise<void> = (
    _operation,
    _name,
    perform,
  ) => perform();

  /** Opens the folder, as `OpenDataFolder` does. */
  readonly open = async (): Promise<DataFolder> => ({
    names: async () => [...this.files.keys()],
    open: async (name) => (this.files.has(name) ? this.#file(name) : undefined),
    create: async (name) => {
      await this.#run('create', name, () => void this.files.set(name, Buffer.alloc(0)));
      return this.#file(name);
    },
    remove: (name) => this.#run('remove', name, () => void this.files.delete(name)),
    close: async () => undefined,
  });

  /** Copy of the files, as after a kill. */
  copy(): MemoryFolder {
    const copy = new MemoryFolder();
    for (const [name, bytes] of this.files) copy.files.set(name, Buffer.from(bytes));
    return copy;
  }

  #file(name: string): DataFile {
    const content = (): Buffer => this.files.get(name) ?? Buffer.alloc(0);
    return {
      sizeBytes: async () => content().length,
      read: async (offset, lengthBytes) => {
        const bytes = Buffer.from(content().subarray(offset, offset + lengthBytes));
        await this.#run('read', name, () => undefined);
        return bytes;
      },
      write: (offset, data) =>
        this.#run('write', name, () => {
          const bytes = Buffer.alloc(Math.max(content().length, offset + data.length));
          content().copy(bytes);
          bytes.set(data, offset);
          this.files.set(name, bytes);
        }),
      truncate: (sizeBytes) =>
        this.#run('truncate', name, () => void this.files.set(name, content().subarray(0, sizeBytes))),
      close: async () => undefined,
    };
  }

  async #run(operation: FolderOperation, name: string, perform: () => void): Promise<void> {
    this.operations.push(`${operation} ${name}`);
    await this.hook(operation, name, perform);
  }
}
