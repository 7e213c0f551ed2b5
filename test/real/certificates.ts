/** A certificate authority for tests, created for each test file. */
import { generate } from 'selfsigned';

/** Certificate and key in PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** A certificate authority. */
export interface Authority extends Certificate {
  /** Issues a certificate for DNS names and IP addresses. */
  issue(...hosts: readonly string[]): Promise<Certificate>;
}

const elliptic = { keyType: 'ec', curve: 'P-256', algorithm: 'sha256' } as const;

/** Creates an authority. */
export async function authority(name: string): Promise<Authority> {
  const root = await generate([{ name: 'commonName', value: name }], {
    ...elliptic,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, digitalSignature: true, critical: true },
    ],
  });
  const ca = { cert: root.cert, key: root.private };
  return {
    ...ca,
    async issue(...hosts) {
      const altNames = hosts.map((host) =>
        /^[0-9.]+$/.test(host) ? { type: 7 as const, ip: host } : { type: 2 as const, value: host },
      );
      const leaf = await generate([{ name: 'commonName', value: hosts[0] ?? 'localhost' }], {
        ...elliptic,
        ca,
        extensions: [
          { name: 'basicConstraints', cA: false },
          { name: 'keyUsage', digitalSignature: true },
          { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
          { name: 'subjectAltName', altNames },
        ],
      });
      return { cert: leaf.cert, key: leaf.private };
    },
  };
}
