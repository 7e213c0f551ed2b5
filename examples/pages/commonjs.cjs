/** CommonJS, as in docs/recipes.md: Node loads the ES modules of the package with `require`. */
const { createClerk } = require('binding-clerk');

async function main() {
  const clerk = createClerk({ registry: { '/shop/orders': 'http://127.0.0.1:3001' } });
  console.log((await clerk.list('/shop/*')).map(({ name }) => name).join());
  await clerk.close();
}

if (require.main === module) void main();
//=> /shop/orders
