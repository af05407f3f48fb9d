// Dapr's JavaScript SDK over HTTP against a running state API, berth's own or daprd's: node dapr_js_test.mjs PORT
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';

// The package is in the cache, not in the tree.
const require = createRequire(`${process.env.BERTH_DAPR_JS}/`);
const { CommunicationProtocolEnum, DaprClient } = require('@dapr/dapr');

const store = 'statestore';
const { state } = new DaprClient({
  daprHost: '127.0.0.1',
  daprPort: process.argv[2],
  communicationProtocol: CommunicationProtocolEnum.HTTP,
});
const saved = async (...items) => assert.equal((await state.save(store, items)).error, undefined);
const refused = async (promise, code) => assert.match(String((await promise).error), code);

await saved({ key: 'object', value: { n: [1, 2] } }, { key: 'text', value: 'words' }, { key: 'number', value: 7 });
assert.deepEqual(await state.get(store, 'object'), { n: [1, 2] });
assert.equal(await state.get(store, 'text'), 'words');
assert.equal(await state.get(store, 'number'), 7);
assert.equal(await state.get(store, 'nothing'), '');

const [object, nothing] = await state.getBulk(store, ['object', 'nothing']);
assert.deepEqual(object.data, { n: [1, 2] });
assert.equal(nothing.data, undefined);

await refused(state.save(store, [{ key: 'object', value: 2, etag: '999999' }]), /ERR_STATE_SAVE.*etag mismatch/);
await refused(state.delete(store, 'object', { etag: '999999' }), /ERR_STATE_DELETE.*etag mismatch/);
await saved({ key: 'object', value: 2, etag: object.etag });
assert.equal(await state.get(store, 'object'), 2);

assert.equal((await state.delete(store, 'object')).error, undefined);
assert.equal(await state.get(store, 'object'), '');
await assert.rejects(state.get('nowhere', 'a'), /ERR_STATE_STORE_NOT_FOUND/);

await saved({ key: 'from', value: 10 });
await state.transaction(store, [
  { operation: 'upsert', request: { key: 'to', value: 10 } },
  { operation: 'delete', request: { key: 'from' } },
]);
assert.equal(await state.get(store, 'to'), 10);
assert.equal(await state.get(store, 'from'), '');
await assert.rejects(state.transaction(store, [
  { operation: 'upsert', request: { key: 'half', value: 1 } },
  { operation: 'upsert', request: { key: 'to', value: 11, etag: '999999' } },
]), /ERR_STATE_TRANSACTION/);
assert.equal(await state.get(store, 'half'), '');
assert.equal(await state.get(store, 'to'), 10);

for (const [i, home] of ['CA', 'WA', 'CA'].entries()) await saved({ key: `js-person${i}`, value: { i, home } });
const found = await state.query(store, { filter: { EQ: { home: 'CA' } }, sort: [{ key: 'i', order: 'DESC' }] });
assert.deepEqual(found.results.map(({ key, data }) => [key, data.i]), [['js-person2', 2], ['js-person0', 0]]);
await assert.rejects(state.query(store, { filter: { ABOVE: { home: 'CA' } } }), /ERR_STATE_QUERY/);

await saved({ key: 'brief', value: 1, metadata: { ttlInSeconds: '1' } });
assert.equal(await state.get(store, 'brief'), 1);
await new Promise((resolve) => { setTimeout(resolve, 1200); });
assert.equal(await state.get(store, 'brief'), '');
console.log('all good');
