// Dapr's JavaScript SDK over HTTP against a running state API: node dapr_js_test.mjs PORT
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
await assert.rejects(state.transaction(store, [{ operation: 'upsert', request: { key: 'a', value: 'b' } }]),
  /ERR_STATE_STORE_NOT_SUPPORTED/);
console.log('all good');
