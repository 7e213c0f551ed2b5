/** Hosts. (provisional) */
export function nameOfHost(hostname: string, _port: string): string | undefined { return '/' + hostname.split('.').slice(0, -1).reverse().join('/'); }
export function hostOfName(name: string): string { return name.slice(1).split('/').reverse().join('.') + '.clerk'; }
