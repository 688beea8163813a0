// Reads by node-postgres; prints all that an application can see of them, and to stderr
// how many of each kind were hits.
const { Client, Query } = require('pg');

const times = 8;
const client = new Client();
const counting = new Client();

async function hits() {
  const { rows } = await counting.query("SELECT l1_hits FROM cache_stats WHERE cache = '*'");
  return Number(rows[0].l1_hits);
}

async function section(name, what) {
  const before = await hits();
  for (let i = 0; i < times; i++) {
    let seen;
    try {
      seen = await what();
    } catch (e) {
      seen = { code: e.code, message: e.message, position: e.position };
    }
    console.log(name, JSON.stringify(seen, (_, v) => typeof v === 'number' && !isFinite(v) ? String(v) : v));
  }
  console.error(name, await hits() - before);
}

function all(result) {
  return { fields: result.fields, count: result.rowCount, command: result.command, rows: result.rows };
}

// Row by row from a portal, some at a time, as cursors and streams of node-postgres do.
function some(text, values, rows) {
  return new Promise((resolve, reject) => {
    const query = new Query({ text, values, rows });
    const seen = [];
    query.on('row', row => seen.push(row));
    query.on('error', reject);
    query.on('end', result => resolve([seen, result.rowCount, result.command]));
    client.query(query);
  });
}

async function ownWrites() {
  const read = { text: 'SELECT t FROM things WHERE id = $1', values: [5] };
  const seen = [];
  await client.query('BEGIN');
  seen.push((await client.query(read)).rows);
  seen.push((await client.query("UPDATE things SET t = 'mine' WHERE id = $1", [5])).rowCount);
  seen.push((await client.query(read)).rows);
  await client.query('ROLLBACK');
  seen.push((await client.query(read)).rows);
  return seen;
}

async function main() {
  await client.connect();
  await counting.connect();
  const wide = 'SELECT * FROM things WHERE id < 5 ORDER BY id';
  const byId = 'SELECT id, t, n FROM things WHERE id = $1';

  await section('simple', async () => all(await client.query(wide)));
  await section('array', async () => all(await client.query({ text: wide, rowMode: 'array' })));
  await section('extended', async () => all(await client.query(byId, [1])));
  await section('binary', async () => all(await client.query({ text: byId, values: [9], binary: true })));
  await section('named', async () => all(await client.query({ name: 'by id', text: byId, values: [2] })));
  await section('named', async () => all(await client.query({ name: 'by id', text: byId, values: [3] })));
  await section('null', async () => all(await client.query(byId, [null])));
  await section('none', async () => all(await client.query(byId, [-1])));
  await section('list', async () => all(await client.query('SELECT id FROM things WHERE id = ANY ($1) ORDER BY 1', [[1, 2, 9]])));
  await section('two', async () => (await client.query('SELECT t FROM things WHERE id = 6; SELECT n FROM things WHERE id = 7')).map(all));
  await section('in parts', () => some('SELECT id, t FROM things WHERE id > $1 ORDER BY id', [2], 3));
  await section('portal', () => some('SELECT id, t FROM things WHERE id > $1 ORDER BY id', [2], 100));
  await section('portal', () => some('SELECT id, t FROM things WHERE id > $1 ORDER BY id', [2], 3));
  await section('writes', ownWrites);
  await section('error', async () => all(await client.query('SELECT 1 / (id - $1) FROM things WHERE id = 1', [1])));
  await client.end();
  await counting.end();
}

main();
