/** Returns the first segment of a path: `orders` for `/orders/7?full=1`. */
export function firstSegmentOf(path: string): string {
  for (let i = 1; i < path.length; i++) {
    const code = path.charCodeAt(i);
    if (code === slash || code === questionMark) return path.slice(1, i);
  }
  return path.slice(1);
}

const slash = 47;
const questionMark = 63;
